// One chart: a canvas that draws series over time with marks of what happened.
"use strict";
const Plot = (() => {
  const KIND_COLOURS = { promotion: "--mark", rollback: "--bad", cadence: "--muted", flash: "--warn" };
  const SERIES_COLOURS = ["--line-1", "--line-2", "--line-3", "--line-4", "--line-5", "--line-6", "--line-7", "--line-8"];
  // Points are ten seconds apart: after more than this without one the line is broken.
  const GAP_MS = 65_000;

  // A canvas knows no light-dark(): an element that wears the colour tells what it comes to.
  const probe = document.body.appendChild(document.createElement("span"));
  probe.hidden = true;
  function colour(name) {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  }

  function level(value, name, label) {
    return {
      type: "line", scaleID: "y", value, borderColor: colour(name), borderWidth: 1.5,
      borderDash: [6, 4], drawTime: "beforeDatasetsDraw",
      label: {
        display: true, content: label, position: "start", yAdjust: -9, padding: 2,
        backgroundColor: "transparent", color: colour("--muted"), font: { size: 11 },
      },
    };
  }

  function levels(data) {
    const lines = {};
    if (data.objective) {
      const objective = Number(data.objective), grace = Number(data.grace);
      lines.objective = level(objective, "--warn", `objective ${format.duration(objective)}`);
      lines.limit = level(objective + grace, "--bad", `stale beyond ${format.duration(objective + grace)}`);
    }
    if (data.ideal) lines.ideal = level(Number(data.ideal), "--muted", data.idealLabel);
    return lines;
  }

  function line(mark) {
    const rollback = mark.kind === "rollback";
    return {
      type: "line", scaleID: "x", value: mark.at,
      borderColor: colour(KIND_COLOURS[mark.kind]), borderWidth: rollback ? 2 : 1,
      borderDash: rollback ? [] : [2, 3], drawTime: "beforeDatasetsDraw",
      label: {
        display: false, content: mark.label.split(": "), drawTime: "afterDraw", position: "end",
        backgroundColor: colour("--ink"), color: colour("--ground"), font: { size: 11 }, padding: 5,
      },
      enter({ element }) { element.label.options.display = true; return true; },
      leave({ element }) { element.label.options.display = false; return true; },
      click() { location.assign(mark.url); },
    };
  }

  function axes(data) {
    const grid = { color: colour("--rule") };
    const ticks = { color: colour("--muted"), font: { size: 11 }, maxRotation: 0 };
    const unit = data.unit;
    return {
      x: {
        type: "time", grid, border: { display: false },
        ticks: { ...ticks, autoSkipPadding: 18 },
        time: { displayFormats: { second: "HH:mm:ss", minute: "HH:mm", hour: "HH:mm", day: "d MMM" }, tooltipFormat: "yyyy-MM-dd HH:mm:ss" },
      },
      y: {
        grid, border: { display: false }, beginAtZero: unit !== "", min: data.least && Number(data.least),
        suggestedMax: data.objective ? (Number(data.objective) + Number(data.grace)) * 1.1 : undefined,
        suggestedMin: data.ideal ? data.ideal - 0.2 * data.ideal : undefined,
        grace: unit === "" ? "10%" : 0,
        ticks: { ...ticks, maxTicksLimit: 6, precision: unit === "" ? undefined : 0, callback: (v, _, all) => (unit === "" ? v.toFixed(decimals(all)) : format.value(v, unit)) },
      },
    };
  }

  // Enough to tell the ticks of an axis apart.
  function decimals(ticks) {
    return ticks.length < 2 ? 2 : Math.max(2, Math.ceil(-Math.log10(Math.abs(ticks[1].value - ticks[0].value))));
  }

  // Dashed where labels are still coming.
  function provisional(answer) {
    if (!answer.provisional_from) return {};
    const from = Date.parse(answer.provisional_from);
    return { borderDash: ({ p1 }) => (p1.parsed.x > from ? [4, 3] : undefined) };
  }

  class Plot {
    constructor(figure, onSpan) {
      this.figure = figure;
      this.names = figure.dataset.names.split(" ");
      this.labels = figure.dataset.labels.split("|");
      this.of = figure.dataset.of.split("|");
      this.answers = [];
      this.chart = new Chart(figure.querySelector("canvas"), {
        type: "line",
        data: { datasets: this.names.map(() => ({ data: [] })) },
        options: this.options(onSpan),
      });
    }

    options(onSpan) {
      const done = ({ chart }) => onSpan(chart.scales.x.min, chart.scales.x.max);
      return {
        animation: false, maintainAspectRatio: false, parsing: false, normalized: true,
        interaction: { mode: "nearest", axis: "x", intersect: false },
        scales: axes(this.figure.dataset),
        plugins: {
          legend: { display: this.names.length > 1, align: "end", labels: { boxWidth: 14, boxHeight: 2, color: colour("--muted") } },
          tooltip: { callbacks: { label: (item) => `${item.dataset.label}: ${format.value(item.parsed.y, this.figure.dataset.unit)}` } },
          annotation: { annotations: {} },
          zoom: {
            pan: { enabled: true, mode: "x", modifierKey: "shift", onPanComplete: done },
            zoom: {
              mode: "x", wheel: { enabled: true, modifierKey: "ctrl" }, pinch: { enabled: true },
              drag: { enabled: true, backgroundColor: colour("--selection") }, onZoomComplete: done,
            },
          },
        },
      };
    }

    // Draws the API's answers, one a series, over the whole span asked for.
    draw(answers, from, to) {
      this.answers = answers;
      const { chart, figure } = this;
      const holds = "holds" in figure.dataset;
      chart.options.scales.x.min = from;
      chart.options.scales.x.max = to;
      chart.data.datasets = answers.map((answer, i) => this.dataset(answer, i, holds, to - from));
      const happened = answers[0].marks.map((mark, i) => [`mark${i}`, line(mark)]);
      chart.options.plugins.annotation.annotations = { ...levels(figure.dataset), ...Object.fromEntries(happened) };
      chart.update("none");
      this.say(answers);
    }

    dataset(answer, i, holds, span) {
      const data = answer.points.map(([x, y]) => ({ x, y }));
      const everyTenSeconds = this.figure.dataset.unit !== "" && !("sparse" in this.figure.dataset);
      const declared = this.labels[i] === "declared"; // what the other line is measured against
      return {
        label: this.labels[i], data, segment: provisional(answer), borderColor: colour(declared ? "--muted" : SERIES_COLOURS[i % SERIES_COLOURS.length]),
        backgroundColor: colour(declared ? "--muted" : SERIES_COLOURS[i % SERIES_COLOURS.length]), borderWidth: 1.75, tension: 0,
        borderDash: declared ? [6, 4] : [], stepped: holds || declared, pointRadius: data.length < 40 && !holds && !declared ? 2 : 0, pointHitRadius: 8,
        spanGaps: !everyTenSeconds ? true : Math.max(GAP_MS, 3000 * answer.resolution_seconds, (span / 1000) * 4),
      };
    }

    // The newest values beside the title, also for those who cannot see the canvas.
    say(answers) {
      const unit = this.figure.dataset.unit;
      const newest = answers.map((answer) => answer.points.at(-1)?.[1]);
      const empty = newest.every((value) => value === undefined);
      const named = newest.map((v, i) => `${this.labels[i]} ${format.value(v, unit)}`);
      const text = newest.length > 1 ? named.join(" · ") : format.value(newest[0], unit);
      const still = answers.some((answer) => answer.provisional_from) ? " · provisional, labels are still coming" : "";
      this.figure.querySelector("[data-latest]").textContent = empty ? "" : text + still;
      this.figure.querySelector(".no-points").hidden = !empty;
      const canvas = this.figure.querySelector("canvas");
      canvas.classList.toggle("empty", empty);
      const title = this.figure.querySelector(".chart-title").textContent.trim();
      canvas.setAttribute("aria-label", `${title} over time; newest: ${named.join(", ")}`);
    }

    // Colours are read when drawing: after a change of theme all of it is drawn anew.
    recolour(onSpan) {
      this.chart.options = this.options(onSpan);
      const { min, max } = this.chart.scales.x;
      if (this.answers.length) this.draw(this.answers, min, max);
    }
  }

  Plot.colour = colour;
  return Plot;
})();
