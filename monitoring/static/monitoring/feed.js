// The regret of the feed's recommenders in one chart, and what it adds up to in another.
"use strict";
(() => {
  const root = document.getElementById("feed-charts");
  const MOST_POINTS = 500;
  const LONGEST_STEP_MS = 60_000; // nobody knows what was lost while nothing was measured
  const hourMs = 1000 * Number(root.dataset.hour);
  const section = new Section(root, { first: () => "900", resolutions: ["10"], since: Date.now() }, load);
  const { plots } = section;

  function ask(line, [from, to]) {
    const query = new URLSearchParams({
      name: "regret", points: MOST_POINTS, from: new Date(from).toISOString(), to: new Date(to).toISOString(),
    });
    return Section.json(`${line.api}?${query}`);
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

  async function load(span) {
    const answers = await Promise.all(plots[0].lines.map((line) => ask(line, span)));
    const marked = answers.map((answer) => ({ ...answer, marks: flashes(span) }));
    return () => {
      plots[0].draw(marked, span);
      plots[1].draw(marked.map(cumulative), span);
    };
  }

  section.show();
})();
