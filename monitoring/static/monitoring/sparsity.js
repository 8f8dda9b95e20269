// How much a model keeps: memory with its forecast, births and deaths, components, what-ifs.
"use strict";
(() => {
  const section = document.getElementById("sparsity");
  const figures = Object.fromEntries([...section.querySelectorAll("[data-drawn]")].map((figure) => [figure.dataset.drawn, figure]));
  const REFRESH_MS = 60_000;
  const COLOURS = ["--line-1", "--line-2", "--line-3", "--line-4"];
  const TURNOVER = { features_born: "born", features_died: "died", features_reborn: "reborn" };
  const UNITS = ["B", "KiB", "MiB", "GiB"];
  const colour = colours.of();
  const charts = {};
  let answer = null; // what the API says of sparsity
  let asked = null; // and the newest what-if that was answered

  function bytes(value) {
    const power = value < 1 ? 0 : Math.min(Math.floor(Math.log2(value) / 10), UNITS.length - 1);
    return `${(value / 1024 ** power).toFixed(power ? 1 : 0)} ${UNITS[power]}`;
  }

  function axis(more) {
    return {
      grid: { color: colour("--rule") }, border: { display: false }, ...more,
      ticks: { color: colour("--muted"), font: { size: 11 }, maxRotation: 0, ...more.ticks },
    };
  }

  const time = () => axis({ type: "time", ticks: { autoSkipPadding: 18 }, time: { displayFormats: { second: "HH:mm:ss", minute: "HH:mm", hour: "HH:mm", day: "d MMM" }, tooltipFormat: "yyyy-MM-dd HH:mm:ss" } });
  const titled = (text) => ({ title: { display: true, text, color: colour("--muted") } });
  const line = (label, data, name, more = {}) => ({ label, data, borderColor: colour(name), backgroundColor: colour(name), borderWidth: 1.75, pointRadius: 0, pointHitRadius: 8, tension: 0, ...more });

  function show(name, { datasets, scales, words, latest, annotations = {}, type = "line" }) {
    const figure = figures[name], canvas = figure.querySelector("canvas");
    const empty = datasets.every(({ data }) => !data.length);
    charts[name]?.destroy();
    charts[name] = new Chart(canvas, {
      type, data: { datasets },
      options: {
        animation: false, maintainAspectRatio: false, parsing: false, normalized: true, scales,
        interaction: { mode: "nearest", axis: type === "scatter" ? "xy" : "x", intersect: false },
        plugins: {
          legend: { display: datasets.length > 1, align: "end", labels: { boxWidth: 14, boxHeight: 2, color: colour("--muted"), filter: ({ text }) => text } },
          tooltip: { filter: ({ dataset }) => dataset.label, callbacks: { label: words } },
          annotation: { annotations },
        },
      },
    });
    figure.querySelector(".no-points").hidden = !empty;
    figure.querySelector("[data-latest]").textContent = empty ? "" : latest;
    canvas.classList.toggle("empty", empty);
    canvas.setAttribute("aria-label", `${figure.querySelector(".chart-title").textContent}: ${empty ? "nothing yet" : latest}`);
  }

  function limit(value) {
    return {
      type: "line", scaleID: "y", value, borderColor: colour("--bad"), borderWidth: 1.5, borderDash: [6, 4],
      label: { display: true, content: `limit ${bytes(value)}`, position: "start", yAdjust: -9, padding: 2, backgroundColor: "transparent", color: colour("--muted"), font: { size: 11 } },
    };
  }

  function memory() {
    const { measured, growth, limit_bytes: most } = answer.memory;
    const ahead = growth ? growth.ahead : [];
    const of = (rows, key) => rows.map((row) => ({ x: Date.parse(row.at), y: row[key] }));
    const band = { borderWidth: 0, pointHitRadius: 0 };
    const shade = colour("--selection");
    show("memory", {
      datasets: [
        line("loaded by serving", of(measured, "deployed_bytes"), "--line-1"),
        line("kept for learning", of(measured, "saved_bytes"), "--line-3", { hidden: true }),
        line("forecast", of(ahead, "bytes"), "--line-1", { borderDash: [6, 4] }),
        line("", of(ahead, "low"), "--line-1", band),
        line("", of(ahead, "high"), "--line-1", { ...band, fill: "-1", backgroundColor: shade }),
      ],
      scales: { x: time(), y: axis({ beginAtZero: true, ticks: { callback: bytes, maxTicksLimit: 6 } }) },
      words: ({ dataset, parsed }) => `${dataset.label}: ${bytes(parsed.y)}`,
      latest: measured.length ? bytes(measured.at(-1).deployed_bytes) : "",
      annotations: most ? { limit: limit(most) } : {},
    });
  }

  function turnover() {
    const names = Object.keys(TURNOVER);
    const datasets = names.map((name, i) => line(TURNOVER[name], answer.series[name].map(([x, y]) => ({ x, y })), COLOURS[i], { pointRadius: 2 }));
    const newest = datasets.map(({ label, data }) => `${label} ${format.value(data.at(-1)?.y, "features")}`);
    show("turnover", {
      datasets, latest: newest.join(" · "),
      scales: { x: time(), y: axis({ beginAtZero: true, ticks: { precision: 0, maxTicksLimit: 6 } }) },
      words: ({ dataset, parsed }) => `${dataset.label}: ${format.value(parsed.y, "features")}`,
    });
  }

  function components() {
    const parts = Object.entries(answer.component_series);
    const datasets = parts.map(([name, series], i) => line(name, series.component_deployed_bytes.map(([x, y]) => ({ x, y })), COLOURS[i % COLOURS.length], { stepped: true }));
    show("components", {
      datasets, latest: datasets.map(({ label, data }) => `${label} ${data.length ? bytes(data.at(-1).y) : "–"}`).join(" · "),
      scales: { x: time(), y: axis({ beginAtZero: true, ticks: { callback: bytes, maxTicksLimit: 6 } }) },
      words: ({ dataset, parsed }) => `${dataset.label}: ${bytes(parsed.y)}`,
    });
  }

  function price() {
    const rows = asked ? asked.results.map((result, i) => ({ ...result, ...asked.settings[i] })) : [];
    const point = ({ deployed_bytes: x, ne: y, admit_after: admit, expire_after: days }) => ({ x, y, words: `admit_after ${admit}, expire_after ${days}` });
    const dots = (label, some, name) => line(label, some.map(point).filter(({ y }) => y !== null), name, { pointRadius: 5, showLine: false });
    show("price", {
      type: "scatter", datasets: [dots("present", rows.slice(0, 1), "--line-2"), dots("other settings", rows.slice(1), "--line-1")],
      latest: rows.length ? `${rows.length} settings` : "",
      scales: {
        x: axis({ ...titled("bytes that serving loads"), ticks: { callback: bytes, maxTicksLimit: 6 } }),
        y: axis({ ...titled("NE (lower is better)"), grace: "10%", ticks: { maxTicksLimit: 6, callback: (v) => v.toFixed(4) } }),
      },
      words: ({ raw }) => `${raw.words}: NE ${raw.y.toFixed(4)}, ${bytes(raw.x)}`,
    });
  }

  function draw() {
    if (!answer) return;
    memory();
    turnover();
    components();
    price();
  }

  async function refresh() {
    try {
      const [sparsity, whatIfs] = await Promise.all([Section.json(section.dataset.api), Section.json(`${section.dataset.api}/what-if?page_size=10`)]);
      answer = sparsity;
      asked = whatIfs.results.find(({ state }) => state === "done");
      draw();
    } catch (error) {
      figures.memory.querySelector("[data-latest]").textContent = `not brought up to date (${error.message})`;
    }
  }

  // An answer that has just come in is drawn at once.
  section.addEventListener("htmx:afterSettle", ({ target }) => {
    if (target.id === "what-if" && target.dataset.state === "done") refresh();
  });
  colours.changed(draw);
  setInterval(() => document.hidden || refresh(), REFRESH_MS);
  refresh();
})();
