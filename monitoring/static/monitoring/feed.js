// The regret of the feed's recommenders in one chart, and what it adds up to in another.
"use strict";
(() => {
  const section = document.getElementById("feed-charts");
  const find = (name) => section.querySelector(`[data-${name}]`);
  const REFRESH_MS = 10_000;
  const MOST_POINTS = 500;
  const LONGEST_STEP_MS = 60_000; // nobody knows what was lost while nothing was measured
  const buttons = [...section.querySelectorAll("[data-range]")];
  const ranges = buttons.map((button) => button.dataset.range);
  const hourMs = 1000 * Number(section.dataset.hour);
  let asked = 0;

  const view = new View({ ranges, first: "900", resolutions: ["10"], since: Date.now(), changed: show });
  const plots = [...section.querySelectorAll("figure.chart")].map((figure) => new Plot(figure, (from, to) => view.zoomTo(from, to)));
  const crosshair = new Crosshair(plots, view, find("said"));

  async function ask(line, [from, to]) {
    const query = new URLSearchParams({
      name: "regret", points: MOST_POINTS, from: new Date(from).toISOString(), to: new Date(to).toISOString(),
    });
    const response = await fetch(`${line.api}?${query}`, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    return response.json();
  }

  function cumulative(answer) {
    let sum = 0;
    const longest = Math.max(LONGEST_STEP_MS, 2000 * answer.resolution_seconds);
    const points = answer.points.map(([at, value], i, all) => {
      sum += i ? (value * Math.min(at - all[i - 1][0], longest)) / hourMs : 0;
      return [at, sum];
    });
    return { ...answer, points };
  }

  function flashes([from, to]) {
    const marks = JSON.parse(document.getElementById("flash-marks").textContent);
    return marks.filter((mark) => mark.at >= from && mark.at <= to);
  }

  async function refresh() {
    const span = view.span();
    const mine = ++asked;
    const problem = find("chart-error");
    try {
      const answers = await Promise.all(plots[0].lines.map((line) => ask(line, span)));
      if (mine !== asked) return; // the reader has moved on meanwhile
      const marked = answers.map((answer) => ({ ...answer, marks: flashes(span) }));
      plots[0].draw(marked, span);
      plots[1].draw(marked.map(cumulative), span);
      crosshair.draw();
      problem.hidden = true;
    } catch (error) {
      problem.textContent = `The charts could not be brought up to date (${error.message}); what is shown is older.`;
      problem.hidden = false;
    }
  }

  function show() {
    find("reset").disabled = !view.zoomed;
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(!view.zoomed && button.dataset.range === view.range));
    }
    return refresh();
  }

  for (const button of buttons) button.addEventListener("click", () => view.follow(button.dataset.range));
  find("reset").addEventListener("click", () => view.reset());
  colours.changed(() => plots.forEach((plot) => plot.recolour()));
  setInterval(() => {
    if (!view.zoomed && !document.hidden) refresh();
  }, REFRESH_MS);
  show();
})();
