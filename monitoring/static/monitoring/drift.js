// The two distributions of the feature that was clicked, from the API.
"use strict";
(() => {
  const section = document.getElementById("drift");
  const figure = document.getElementById("drift-chart");
  const canvas = figure.querySelector("canvas");
  const colour = colours.of();
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  let chart = null;
  let shown = null; // what the API said of the feature

  function axis(more) {
    return {
      grid: { color: colour("--rule") }, border: { display: false }, ...more,
      ticks: { color: colour("--muted"), font: { size: 11 }, ...more.ticks },
    };
  }

  function dataset(label, key, name) {
    return { label, data: shown.bins.map((bin) => bin[key]), backgroundColor: colour(name), barPercentage: 0.9 };
  }

  function draw() {
    chart?.destroy();
    figure.querySelector(".chart-title").textContent = shown.feature;
    figure.querySelector("[data-latest]").textContent = shown.sentence;
    canvas.setAttribute("aria-label", `Distribution of ${shown.feature}: ${shown.sentence}`);
    figure.querySelector(".plot").style.height = `${60 + 36 * shown.bins.length}px`;
    const data = {
      labels: shown.bins.map((bin) => bin.label || "(empty)"),
      datasets: [dataset("now", "now", "--line-1"), dataset("learned", "against", "--muted")],
    };
    chart = new Chart(canvas, {
      type: "bar", data,
      options: {
        animation: false, maintainAspectRatio: false, indexAxis: "y",
        scales: {
          x: axis({ min: 0, ticks: { callback: percent } }),
          y: axis({ grid: { display: false }, ticks: { autoSkip: false, callback(i) { const label = this.getLabelForValue(i); return label.length > 22 ? `${label.slice(0, 21)}…` : label; } } }),
        },
        plugins: {
          legend: { align: "end", labels: { boxWidth: 14, boxHeight: 8, color: colour("--muted") } },
          tooltip: { callbacks: { label: (item) => `${item.dataset.label}: ${percent(item.parsed.x)}` } },
        },
      },
    });
  }

  async function show(feature) {
    figure.hidden = false;
    try {
      const response = await fetch(section.dataset.api, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
      const answer = await response.json();
      shown = [...answer.features, answer.label, answer.prediction].find((found) => found?.feature === feature);
      if (!shown) throw new Error("it is no longer compared");
      draw();
    } catch (error) {
      figure.querySelector("[data-latest]").textContent = `${feature} cannot be shown (${error.message})`;
    }
  }

  section.addEventListener("click", (event) => {
    const button = event.target.closest("[data-feature]");
    if (!button) return;
    show(button.dataset.feature);
    figure.scrollIntoView({ block: "nearest" });
  });
  colours.changed(() => shown && draw());
})();
