// The charts of a recommender: one time range for all, kept up to date from the API.
"use strict";
(() => {
  const section = document.getElementById("charts");
  const find = (name) => section.querySelector(`[data-${name}]`);
  const REFRESH_MS = 10_000;
  const MOST_POINTS = 1000, STRIP_POINTS = 300;
  const buttons = [...section.querySelectorAll("[data-range]")];
  const ranges = buttons.map((button) => button.dataset.range);
  const resolution = find("resolution");
  const resolutions = [...resolution.options].map((option) => option.value);
  let asked = 0;

  // At first a dozen times the objective: long enough to see a rhythm, short enough to see a miss.
  const first = ranges.find((range) => Number(range) >= 12 * Number(section.dataset.objective)) || ranges.at(-1);
  const view = new View({ ranges, first, resolutions, since: Date.parse(section.dataset.since), changed: show });
  const plots = [...section.querySelectorAll("figure.chart")].map((figure) => new Plot(figure, (from, to) => view.zoomTo(from, to)));
  const crosshair = new Crosshair(plots, view, find("said"));
  const overview = new Overview(find("overview"), view);

  function address(line, [from, to], points) {
    const query = new URLSearchParams({
      name: line.metric, label: line.of, points, resolution_seconds: view.resolution,
      from: new Date(from).toISOString(), to: new Date(to).toISOString(),
    });
    return `${line.api}?${query}`;
  }

  async function ask(line, span, points = MOST_POINTS) {
    const response = await fetch(address(line, span, points), { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    return response.json();
  }

  function listed(mark) {
    const item = Object.assign(document.createElement("li"), { className: mark.kind });
    const time = Object.assign(document.createElement("span"), { className: "at", textContent: format.when(new Date(mark.at)) });
    const lasted = mark.until ? `, for ${format.duration((mark.until - mark.at) / 1000)}` : ", still open";
    const link = Object.assign(document.createElement("a"), { href: mark.url, textContent: mark.label + (mark.kind === "alert" ? lasted : "") });
    item.addEventListener("pointerenter", () => crosshair.show(mark.at));
    item.addEventListener("pointerleave", () => crosshair.hide());
    item.append(time, link);
    return item;
  }

  // The newest first, but an alert that is still open before all.
  function listMarks(marks) {
    const open = (mark) => mark.kind === "alert" && !mark.until;
    const sorted = marks.toReversed().sort((a, b) => open(b) - open(a));
    find("marks").replaceChildren(...sorted.map(listed));
    find("no-marks").hidden = marks.length > 0;
  }

  async function refresh() {
    const span = view.span(), around = Overview.around(span, view.since);
    const mine = ++asked;
    const problem = find("chart-error");
    try {
      const [strip, ...answers] = await Promise.all([
        ask(plots[0].lines[0], around, STRIP_POINTS),
        ...plots.map((plot) => Promise.all(plot.lines.map((line) => ask(line, span)))),
      ]);
      if (mine !== asked) return; // the reader has moved on meanwhile
      plots.forEach((plot, i) => plot.draw(answers[i], span));
      overview.draw(strip.points, around);
      crosshair.draw();
      listMarks(answers[0][0].marks);
      problem.hidden = true;
    } catch (error) {
      problem.textContent = `The charts could not be brought up to date (${error.message}); what is shown is older.`;
      problem.hidden = false;
    }
  }

  function show() {
    find("reset").disabled = !view.zoomed;
    resolution.value = view.resolution;
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(!view.zoomed && button.dataset.range === view.range));
    }
    return refresh();
  }

  function compareWith(slug) {
    const query = new URLSearchParams(location.search);
    if (slug) query.set("with", slug);
    else query.delete("with");
    location.search = query;
  }

  for (const button of buttons) button.addEventListener("click", () => view.follow(button.dataset.range));
  find("reset").addEventListener("click", () => view.reset());
  resolution.addEventListener("change", () => view.limitTo(resolution.value));
  section.querySelector("form.compare").addEventListener("submit", (event) => {
    event.preventDefault();
    compareWith(event.target.elements.with.value.trim());
  });
  find("alone")?.addEventListener("click", () => compareWith(""));
  for (const plot of plots) {
    for (const link of plot.figure.querySelectorAll("[data-csv]")) {
      link.addEventListener("click", () => { link.href = `${address(plot.lines[link.dataset.csv], plot.span, MOST_POINTS)}&format=csv`; });
    }
    for (const button of plot.figure.querySelectorAll("[data-png]")) {
      button.addEventListener("click", () => picture.save(plot, section.dataset.name, section.dataset.slug, button.dataset.png));
    }
  }
  colours.changed(() => {
    plots.forEach((plot) => plot.recolour());
    overview.paint();
  });
  setInterval(() => {
    if (!view.zoomed && !document.hidden) refresh();
  }, REFRESH_MS);
  show();
})();
