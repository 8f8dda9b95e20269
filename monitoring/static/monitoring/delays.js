// How long labels take: the share that has come by a time after the impression.
"use strict";
(() => {
  const figure = document.querySelector("figure.delays");
  const canvas = figure.querySelector("canvas");
  const latest = figure.querySelector("[data-latest]");
  const colour = colours.of();
  const REFRESH_MS = 10_000;
  const percent = (share) => `${Math.round(100 * share)} %`;
  let answer = null;

  function axis(title, more) {
    return {
      title: { display: true, text: title, color: colour("--muted") },
      grid: { color: colour("--rule") }, border: { display: false }, ...more,
      ticks: { color: colour("--muted"), font: { size: 11 }, maxRotation: 0, ...more.ticks },
    };
  }

  function mark(seconds, words, position) {
    return {
      type: "line", scaleID: "x", value: seconds, borderColor: colour("--mark"), borderWidth: 1.5, borderDash: [6, 4],
      label: {
        display: true, content: words, position, padding: 2,
        backgroundColor: colour("--panel"), color: colour("--muted"), font: { size: 11 },
      },
    };
  }

  function marks() {
    const { seconds_for_95_percent: mature } = answer.delays;
    const found = {};
    if (answer.delayed_feedback === "wait") {
      found.window = mark(answer.join_window_seconds, `window ${format.duration(answer.join_window_seconds)}`, "end");
    }
    if (mature) found.mature = mark(mature, `95 % by ${format.duration(mature)}`, "center");
    return found;
  }

  // A tick a power of ten, and one at two and five times it.
  const round = (v) => /^[125]0*$/.test(String(v));

  function options() {
    return {
      animation: false, maintainAspectRatio: false, parsing: false, normalized: true,
      interaction: { mode: "nearest", axis: "x", intersect: false },
      scales: {
        x: axis("time from impression to feedback (logarithmic)", {
          type: "logarithmic", min: 1,
          ticks: { autoSkipPadding: 18, callback: (v) => (round(v) ? format.duration(v) : null) },
        }),
        y: axis("share of labels", { min: 0, max: 1, ticks: { callback: percent } }),
      },
      plugins: {
        legend: { display: false },
        annotation: { annotations: answer ? marks() : {} },
        tooltip: {
          callbacks: {
            title: ([item]) => `within ${format.duration(item.parsed.x)}`,
            label: (item) => `${percent(item.parsed.y)} of labels`,
          },
        },
      },
    };
  }

  const chart = new Chart(canvas, { type: "line", data: { datasets: [] }, options: options() });

  function draw() {
    const data = answer.delays.curve.map(({ seconds, share }) => ({ x: seconds, y: share }));
    chart.options = options();
    chart.data.datasets = [{
      data, borderColor: colour("--line-1"), backgroundColor: colour("--line-1"),
      borderWidth: 1.75, pointRadius: 0, pointHitRadius: 8, tension: 0,
    }];
    chart.update("none");
    const labels = answer.delays.labels.toLocaleString("en");
    latest.textContent = data.length ? `${labels} labels in four weeks` : "";
    figure.querySelector(".no-points").hidden = data.length > 0;
    canvas.classList.toggle("empty", !data.length);
  }

  async function refresh() {
    try {
      const response = await fetch(figure.dataset.api, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
      answer = await response.json();
      draw();
    } catch (error) {
      latest.textContent = `not brought up to date (${error.message})`;
    }
  }

  colours.changed(() => answer && draw());
  setInterval(() => document.hidden || refresh(), REFRESH_MS);
  refresh();
})();
