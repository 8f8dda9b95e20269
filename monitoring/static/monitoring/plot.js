// One chart: a canvas that draws series over time, with a legend that has their values.
"use strict";
const Plot = (() => {
  // Points are ten seconds apart: after more than this without one the line is broken.
  const GAP_MS = 65_000;

  function axes(data, colour) {
    const grid = { color: colour("--rule") };
    const ticks = { color: colour("--muted"), font: { size: 11 }, maxRotation: 0 };
    const unit = data.unit;
    return {
      x: {
        type: "time", grid, border: { display: false },
        ticks: { ...ticks, autoSkipPadding: 18 },
        time: { displayFormats: { second: "HH:mm:ss", minute: "HH:mm", hour: "HH:mm", day: "d MMM" } },
      },
      y: {
        grid, border: { display: false }, beginAtZero: unit !== "", min: data.least && Number(data.least),
        suggestedMax: data.objective ? (Number(data.objective) + Number(data.grace)) * 1.1 : undefined,
        suggestedMin: data.ideal ? data.ideal - 0.2 * data.ideal : undefined,
        grace: unit === "" ? "10%" : 0,
        // One width for all charts: the same time is at the same place in those below one another.
        afterFit(scale) { scale.width = Math.max(scale.width, 72); },
        ticks: { ...ticks, maxTicksLimit: 6, precision: unit === "" ? undefined : 0, callback: (v, _, all) => (unit === "" ? v.toFixed(decimals(all)) : format.value(v, unit)) },
      },
    };
  }

  // Enough to tell the ticks of an axis apart.
  function decimals(ticks) {
    return ticks.length < 2 ? 2 : Math.max(2, Math.ceil(-Math.log10(Math.abs(ticks[1].value - ticks[0].value))));
  }

  // Dashed where labels are still coming. Else nothing: segments of a style bridge the gaps.
  function provisional(answer) {
    if (!answer.provisional_from) return undefined;
    const from = Date.parse(answer.provisional_from);
    return { borderDash: ({ p1 }) => (p1.parsed.x > from ? [4, 3] : undefined) };
  }

  class Plot {
    // zoomed(from, to): what to do when the reader has dragged, panned or turned the wheel.
    constructor(figure, zoomed) {
      this.figure = figure;
      this.area = figure.querySelector(".plot");
      this.canvas = figure.querySelector("canvas");
      this.lines = [...figure.querySelectorAll(".legend li")].map((item) => ({ ...item.dataset, item, value: item.querySelector("b") }));
      this.holds = "holds" in figure.dataset;
      this.answers = [];
      this.span = [];
      this.zoomed = zoomed;
      this.chart = new Chart(this.canvas, { type: "line", data: { datasets: [] }, options: this.options(colours.of()) });
    }

    get title() {
      return this.figure.querySelector(".chart-title").textContent.trim();
    }

    options(colour) {
      const done = ({ chart }) => this.zoomed(chart.scales.x.min, chart.scales.x.max);
      return {
        animation: false, maintainAspectRatio: false, parsing: false, normalized: true,
        hover: { mode: null }, scales: axes(this.figure.dataset, colour),
        plugins: {
          legend: { display: false }, tooltip: { enabled: false }, annotation: { annotations: {} },
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

    // Draws the API's answers, one a line of the legend, over the whole span [from, to].
    draw(answers, span) {
      this.answers = answers;
      this.span = span;
      this.fill(this.chart, colours.of());
      this.chart.update("none");
      this.say();
    }

    fill(chart, colour) {
      [chart.options.scales.x.min, chart.options.scales.x.max] = this.span;
      chart.data.datasets = this.answers.map((answer, i) => this.dataset(answer, this.lines[i], colour));
      chart.options.plugins.annotation.annotations = annotations.all(this.figure.dataset, this.answers[0].marks, this.span, colour);
    }

    dataset(answer, line, colour) {
      const data = answer.points.map(([x, y]) => ({ x, y }));
      const stepped = this.holds || line.colour === "0"; // as declared, which holds until it is changed
      const drawn = colour(`--line-${line.colour}`);
      return {
        data, segment: provisional(answer), borderColor: drawn, backgroundColor: drawn, borderWidth: 1.75, tension: 0,
        borderDash: "dashed" in line ? [6, 4] : [], stepped, pointRadius: data.length < 40 && !stepped ? 2 : 0,
        spanGaps: this.gap(answer),
      };
    }

    // Between how many ms without a point the line goes on; true: always.
    gap(answer) {
      if (this.figure.dataset.unit === "" || "sparse" in this.figure.dataset) return true;
      const [from, to] = this.span;
      return Math.max(GAP_MS, 3000 * answer.resolution_seconds, ((to - from) / 1000) * 4);
    }

    // What line i was at a time: the point [time, value] that held then, or the nearest.
    pointAt(i, time) {
      const { points } = this.answers[i];
      const next = points.findIndex(([t]) => t > time);
      const before = points[next === -1 ? points.length - 1 : next - 1], after = points[next];
      if (this.holds) return before;
      const nearest = !after || (before && time - before[0] <= after[0] - time) ? before : after;
      const gap = this.gap(this.answers[i]);
      return nearest && (gap === true || Math.abs(nearest[0] - time) <= gap) ? nearest : undefined;
    }

    // Values in the legend: those at the time, or the newest; also in words.
    say(time = null) {
      const { unit } = this.figure.dataset;
      const found = this.answers.map((answer, i) => (time === null ? answer.points.at(-1) : this.pointAt(i, time)));
      const words = found.map((point) => format.value(point?.[1], unit));
      this.lines.forEach((line, i) => { line.value.textContent = words[i]; });
      const named = words.map((value, i) => `${this.lines[i].label} ${value}`).join(", ");
      if (time === null) this.sayNewest(named);
      return named;
    }

    // For those who cannot see the canvas, and where there is nothing to see.
    sayNewest(named) {
      const empty = this.answers.every((answer) => !answer.points.length);
      const pending = this.answers.some((answer) => answer.provisional_from);
      this.figure.querySelector("[data-note]").textContent = pending ? "provisional" : "";
      this.figure.querySelector(".no-points").hidden = !empty;
      this.canvas.classList.toggle("empty", empty);
      this.canvas.setAttribute("aria-label", `${this.title} over time; newest: ${named}`);
    }

    // Colours are read when drawing: after a change of theme all of it is drawn anew.
    recolour() {
      this.chart.options = this.options(colours.of());
      if (this.answers.length) this.draw(this.answers, this.span);
    }
  }
  return Plot;
})();
