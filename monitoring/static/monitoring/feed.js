// The regret of the feed's recommenders in one chart, and what it adds up to in another.
"use strict";
(() => {
  const section = document.getElementById("feed-charts");
  const REFRESH_MS = 10_000;
  const MOST_POINTS = 500;
  const LONGEST_STEP_MS = 60_000; // nobody knows what was lost while nothing was measured
  const problem = section.querySelector("[data-chart-error]");
  const reset = section.querySelector("[data-reset]");
  const buttons = [...section.querySelectorAll("[data-range]")];
  const hourMs = 1000 * Number(section.dataset.hour);
  let range = "900";
  let zoomed = null; // [from, to] in ms once the reader has zoomed or panned
  let asked = 0;

  function span() {
    const now = Date.now();
    return zoomed || [now - 1000 * Number(range), now];
  }

  async function ask(slug, from, to) {
    const query = new URLSearchParams({
      name: "regret", points: MOST_POINTS, from: new Date(from).toISOString(), to: new Date(to).toISOString(),
    });
    const response = await fetch(`/api/v1/recommenders/${slug}/metrics?${query}`, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    return response.json();
  }

  function cumulative(answer) {
    let sum = 0;
    const points = answer.points.map(([at, value], i, all) => {
      const step = i ? Math.min(at - all[i - 1][0], Math.max(LONGEST_STEP_MS, 2000 * answer.resolution_seconds)) : 0;
      sum += (value * step) / hourMs;
      return [at, sum];
    });
    return { ...answer, points };
  }

  function flashes(from, to) {
    const marks = JSON.parse(document.getElementById("flash-marks").textContent);
    return marks.filter((mark) => mark.at >= from && mark.at <= to);
  }

  async function refresh() {
    const [from, to] = span();
    const mine = ++asked;
    try {
      const answers = await Promise.all(plots[0].names.map((slug) => ask(slug, from, to)));
      if (mine !== asked) return; // the reader has moved on meanwhile
      const marked = answers.map((answer) => ({ ...answer, marks: flashes(from, to) }));
      plots[0].draw(marked, from, to);
      plots[1].draw(marked.map(cumulative), from, to);
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

  const plots = ["regret", "cumulative"].map((name) => new Plot(section.querySelector(`[data-chart=${name}]`), zoomTo));

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
