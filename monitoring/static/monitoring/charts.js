// The charts of a recommender: one time range for all, kept up to date from the API.
"use strict";
(() => {
  const section = document.getElementById("charts");
  const REFRESH_MS = 10_000;
  const MOST_POINTS = 1000;
  const problem = section.querySelector("[data-chart-error]");
  const reset = section.querySelector("[data-reset]");
  const buttons = [...section.querySelectorAll("[data-range]")];

  // At first a dozen times the objective: long enough to see a rhythm, short enough to see a miss.
  const first = buttons.find((b) => Number(b.dataset.range) >= 12 * Number(section.dataset.objective));
  let range = (first || buttons.at(-1)).dataset.range;
  let zoomed = null; // [from, to] in ms once the reader has zoomed or panned
  let asked = 0;

  function span() {
    if (zoomed) return zoomed;
    const now = Date.now();
    const since = Date.parse(section.dataset.since);
    return [range === "all" ? Math.min(since, now - 60_000) : now - Number(range) * 1000, now];
  }

  async function ask(name, label, from, to) {
    const query = new URLSearchParams({
      name, label, points: MOST_POINTS,
      from: new Date(from).toISOString(), to: new Date(to).toISOString(),
    });
    const response = await fetch(`${section.dataset.api}?${query}`, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    return response.json();
  }

  function listMarks(marks) {
    const list = section.querySelector("[data-marks]");
    list.replaceChildren(...marks.toReversed().map((mark) => {
      const item = document.createElement("li");
      item.className = mark.kind;
      const time = document.createElement("span");
      time.className = "at";
      time.textContent = format.when(new Date(mark.at));
      const link = document.createElement("a");
      link.href = mark.url;
      link.textContent = mark.label;
      item.append(time, link);
      return item;
    }));
    section.querySelector("[data-no-marks]").hidden = marks.length > 0;
  }

  async function refresh() {
    const [from, to] = span();
    const mine = ++asked;
    try {
      const answers = await Promise.all(plots.map((plot) => Promise.all(plot.names.map((name, i) => ask(name, plot.of[i], from, to)))));
      if (mine !== asked) return; // the reader has moved on meanwhile
      plots.forEach((plot, i) => plot.draw(answers[i], from, to));
      listMarks(answers[0][0].marks);
      problem.hidden = true;
    } catch (error) {
      problem.textContent = `The charts could not be brought up to date (${error.message}); what is shown is older.`;
      problem.hidden = false;
    }
  }

  function show() {
    reset.disabled = !zoomed;
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(!zoomed && button.dataset.range === range));
    }
    return refresh();
  }

  function zoomTo(from, to) {
    zoomed = [Math.round(from), Math.round(to)];
    show();
  }

  const plots = [...section.querySelectorAll("figure.chart")].map((figure) => new Plot(figure, zoomTo));

  for (const button of buttons) {
    button.addEventListener("click", () => {
      range = button.dataset.range;
      zoomed = null;
      show();
    });
  }
  reset.addEventListener("click", () => {
    zoomed = null;
    show();
  });
  const recolour = () => plots.forEach((plot) => plot.recolour(zoomTo));
  document.addEventListener("themechange", recolour);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  setInterval(() => {
    if (!zoomed && !document.hidden) refresh();
  }, REFRESH_MS);
  show();
})();
