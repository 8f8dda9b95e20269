// What a chart is judged by, and what happened, as lines and spans behind its series.
"use strict";
const annotations = (() => {
  const KIND_COLOURS = { promotion: "--mark", rollback: "--bad", cadence: "--muted", canary: "--calm", alert: "--warn", flash: "--warn" };

  const BAND_PX = 7;

  function level(value, name, label, colour) {
    return {
      type: "line", scaleID: "y", value, borderColor: colour(name), borderWidth: 1.5,
      borderDash: [6, 4], drawTime: "beforeDatasetsDraw",
      label: {
        display: true, content: label, position: "start", yAdjust: -9, padding: 2,
        backgroundColor: "transparent", color: colour("--muted"), font: { size: 11 },
      },
    };
  }

  function levels(data, colour) {
    const lines = {};
    if (data.objective) {
      const objective = Number(data.objective), grace = Number(data.grace);
      lines.objective = level(objective, "--warn", `objective ${format.duration(objective)}`, colour);
      lines.limit = level(objective + grace, "--bad", `stale beyond ${format.duration(objective + grace)}`, colour);
    }
    if (data.ideal) lines.ideal = level(Number(data.ideal), "--muted", data.idealLabel, colour);
    return lines;
  }

  function mark(happened, colour) {
    return {
      drawTime: "beforeDatasetsDraw", borderColor: colour(KIND_COLOURS[happened.kind]),
      label: {
        display: false, content: happened.label.split(": "), drawTime: "afterDraw", position: "end",
        backgroundColor: colour("--ink"), color: colour("--ground"), font: { size: 11 }, padding: 5,
      },
      enter({ element }) { element.label.options.display = true; return true; },
      leave({ element }) { element.label.options.display = false; return true; },
      click() { location.assign(happened.url); },
    };
  }

  function line(happened, colour) {
    const rollback = happened.kind === "rollback";
    return {
      ...mark(happened, colour), type: "line", scaleID: "x", value: happened.at,
      borderWidth: rollback ? 2 : 1, borderDash: rollback ? [] : [2, 3],
    };
  }

  // A band along the upper edge: from firing to resolved, or to the end of what is shown.
  function span(happened, from, to, colour) {
    const drawn = mark(happened, colour);
    return {
      ...drawn, type: "box", xMin: Math.max(happened.at, from), xMax: Math.min(happened.until ?? to, to),
      yMin: ({ chart }) => chart.scales.y.getValueForPixel(chart.scales.y.top + BAND_PX), yMax: ({ chart }) => chart.scales.y.max,
      backgroundColor: colour("--alert"), borderWidth: 0,
      label: { ...drawn.label, position: { x: "start", y: "start" } },
    };
  }

  // By name, as the plugin wants them.
  function all(data, marks, [from, to], colour) {
    const happened = marks.map((m, i) => [`mark${i}`, m.kind === "alert" ? span(m, from, to, colour) : line(m, colour)]);
    return { ...levels(data, colour), ...Object.fromEntries(happened) };
  }

  return { all };
})();
