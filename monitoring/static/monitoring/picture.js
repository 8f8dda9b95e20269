// A chart as a picture to keep: with its title, the time that it shows and its legend.
"use strict";
const picture = (() => {
  const WIDTH = 1200, HEIGHT = 560, HEAD = 62, FOOT = 40, EDGE = 28, SHARPNESS = 2;
  const FONT = "system-ui, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif";

  // Drawn anew in the colours of light or dark pages, whichever this page has.
  function drawn(plot, colour) {
    const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH - 2 * EDGE, height: HEIGHT - HEAD - FOOT - EDGE });
    const options = { ...plot.options(colour), responsive: false, devicePixelRatio: SHARPNESS };
    const chart = new Chart(canvas, { type: "line", data: { datasets: [] }, options });
    plot.fill(chart, colour);
    chart.update("none");
    return { canvas, close: () => chart.destroy() };
  }

  function head(pen, plot, of, colour) {
    pen.textBaseline = "top";
    pen.fillStyle = colour("--ink");
    pen.font = `650 22px ${FONT}`;
    pen.fillText(`${plot.title} · ${of}`, EDGE, 20);
    pen.fillStyle = colour("--muted");
    pen.font = `14px ${FONT}`;
    pen.textAlign = "right";
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    pen.fillText(`${plot.span.map((time) => format.when(new Date(time))).join(" to ")}, ${zone}`, WIDTH - EDGE, 26);
    pen.textAlign = "left";
  }

  function legend(pen, plot, colour) {
    pen.font = `14px ${FONT}`;
    pen.textBaseline = "middle";
    let x = EDGE;
    const y = HEIGHT - FOOT / 2 - 6;
    for (const line of plot.lines) {
      pen.strokeStyle = colour(`--line-${line.colour}`);
      pen.lineWidth = 2.5;
      pen.setLineDash("dashed" in line ? [6, 4] : []);
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(x + 26, y);
      pen.stroke();
      pen.fillStyle = colour("--ink");
      pen.fillText(line.label, x + 34, y);
      x += 34 + pen.measureText(line.label).width + 28;
    }
  }

  function compose(plot, of, scheme) {
    const colour = colours.of(scheme);
    const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH * SHARPNESS, height: HEIGHT * SHARPNESS });
    const pen = canvas.getContext("2d");
    pen.scale(SHARPNESS, SHARPNESS);
    pen.fillStyle = colour("--panel");
    pen.fillRect(0, 0, WIDTH, HEIGHT);
    head(pen, plot, of, colour);
    const chart = drawn(plot, colour);
    pen.drawImage(chart.canvas, EDGE, HEAD, WIDTH - 2 * EDGE, HEIGHT - HEAD - FOOT - EDGE);
    chart.close();
    legend(pen, plot, colour);
    return canvas;
  }

  // To the reader's downloads. of: whose chart it is. scheme: "light" or "dark".
  function save(plot, of, slug, scheme) {
    const span = plot.span.map((time) => `${new Date(time).toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`).join("-");
    compose(plot, of, scheme).toBlob((blob) => {
      const href = URL.createObjectURL(blob);
      Object.assign(document.createElement("a"), { href, download: `${slug}-${plot.figure.dataset.key}-${span}.png` }).click();
      URL.revokeObjectURL(href);
    });
  }

  return { save };
})();
