// The demo: an app as others would write it on recadmin-client.js.
const page = document.getElementById("demo");
const titles = JSON.parse(document.getElementById("titles").textContent);
const part = (name) => page.querySelector(`[data-${name}]`);
const { RecadminClient } = await import(page.dataset.module);

const SHOWN = 12;
const LISTED = 10;
const CANDIDATES = 500;
let rateable = [];
let skipped = new Set();
let listed = [];

async function token() {
  const answer = await fetch(page.dataset.token, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`No token: answer ${answer.status}.`);
  return (await answer.json()).token;
}

const { slug, user } = page.dataset;
const client = await RecadminClient.open({ url: location.origin, slug, user, token });
const title = (item) => titles[item] ?? item;

/** What could be on the list: all titles, or what the server holds best where items have none. */
async function candidates() {
  const known = Object.keys(titles);
  if (known.length) return known;
  const query = new URLSearchParams({ user, k: CANDIDATES });
  const answer = await fetch(`/api/v1/recommenders/${slug}/recommendations?${query}`);
  return answer.ok ? (await answer.json()).items : [];
}

function element(tag, name, text) {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}

function button(label, item, liked) {
  const made = element("button", "", label);
  made.type = "button";
  made.setAttribute("aria-label", `${label}: ${title(item)}`);
  made.addEventListener("click", () => rate(item, liked));
  return made;
}

function card(item) {
  const made = document.createElement("li");
  const actions = element("div", "actions", "");
  actions.append(button("Like", item, 1), button("Dislike", item, 0));
  made.append(element("span", "title", title(item)), actions);
  made.dataset.item = item;
  return made;
}

function drawRateable() {
  const focused = [...part("rate").children].findIndex((li) => li.contains(document.activeElement));
  rateable = client.recommend(CANDIDATES).map(({ item }) => item).filter((item) => !skipped.has(item));
  const shown = [...part("rate").children].map((li) => li.dataset.item).filter((item) => rateable.includes(item));
  const fill = rateable.filter((item) => !shown.includes(item));
  while (shown.length < SHOWN && fill.length) shown.push(fill.shift());
  part("rate").replaceChildren(...shown.map(card));
  // Who rates by keyboard goes on at the card that took the place of the one rated.
  if (focused >= 0) part("rate").children[Math.min(focused, shown.length - 1)]?.querySelector("button").focus();
}

function movement(item, place) {
  const before = listed.indexOf(item);
  if (!listed.length || before === place) return ["", ""];
  if (before < 0) return ["new", "up"];
  return before > place ? [`▲ ${before - place}`, "up"] : [`▼ ${place - before}`, "down"];
}

function drawList() {
  const best = client.recommend(LISTED).map(({ item }) => item);
  const rows = best.map((item, place) => {
    const [words, way] = movement(item, place);
    const row = document.createElement("li");
    row.append(element("span", "title", title(item)), element("span", `moved ${way}`, words));
    row.firstChild.title = title(item);
    return row;
  });
  part("list").replaceChildren(...rows);
  const fresh = best.filter((item) => !listed.includes(item)).length;
  const moved = best.filter((item, place) => listed[place] !== item).length;
  if (listed.length) part("changes").textContent = `${moved} of ${best.length} places changed, ${fresh} by new ones.`;
  listed = best;
}

function drawState() {
  const network = part("network");
  network.textContent = navigator.onLine ? "online" : "offline";
  network.className = `state ${navigator.onLine ? "synced" : "aging"}`;
  part("pending").textContent = String(client.pending);
  part("base").textContent = client.revision === null ? "none yet" : `revision ${client.revision}`;
}

function rate(item, label) {
  const begun = performance.now();
  client.interact({ item, label }).catch((error) => say(`Not stored: ${error.message}`));
  drawList();
  part("took").textContent = `${(performance.now() - begun).toFixed(1)} ms`;
  drawRateable();
  drawState();
}

function say(words) {
  part("said").textContent = words;
}

const OUTCOMES = {
  accepted: "Accepted: the server has come to the same vector.",
  merged: "Merged with what the server and your other devices know.",
  refreshed: "The server's vector was fetched.",
  "space-moved": "The items have moved to another space; your vector went along.",
  "revision-moved": "Another device was faster; this one goes on from there.",
};

client.addEventListener("change", drawState);
client.addEventListener("sync", ({ detail }) => {
  say(OUTCOMES[detail.outcome] ?? detail.outcome);
  client.see([...listed, ...rateable.slice(0, SHOWN)]).then(() => {
    drawList();
    drawState();
  });
});
client.addEventListener("offline", ({ detail }) => {
  say(`No answer from the server; the next try is in ${Math.ceil(detail.retryInSeconds)} s.`);
  drawState();
});
client.addEventListener("refused", ({ detail }) => say(`Refused: ${detail.problem.detail}`));
client.addEventListener("space", async () => client.see(await candidates()).then(draw));
for (const event of ["online", "offline"]) addEventListener(event, drawState);
part("others").addEventListener("click", () => {
  for (const li of part("rate").children) skipped.add(li.dataset.item);
  part("rate").replaceChildren();
  drawRateable();
});
part("forget").addEventListener("click", async () => {
  await client.forget();
  location.reload();
});

function draw() {
  drawRateable();
  drawList();
  drawState();
}

await client.see(await candidates());
say("Ready.");
draw();
