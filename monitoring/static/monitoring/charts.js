// The charts of a recommender: one time range for all, kept up to date from the API.
"use strict";
(() => {
  const root = document.getElementById("charts");
  const MOST_POINTS = 1000, STRIP_POINTS = 300;
  const resolution = root.querySelector("[data-resolution]");
  const resolutions = [...resolution.options].map((option) => option.value);
  // At first a dozen times the objective: long enough to see a rhythm, short enough to see a miss.
  const first = (ranges) => ranges.find((range) => Number(range) >= 12 * Number(root.dataset.objective)) || ranges.at(-1);
  const section = new Section(root, { first, resolutions, since: Date.parse(root.dataset.since) }, load);
  const { view, plots, crosshair } = section;
  const find = (name) => section.find(name);
  const overview = new Overview(find("overview"), view);

  function address(line, [from, to], points) {
    const query = new URLSearchParams({
      name: line.metric, label: line.of, points, resolution_seconds: view.resolution,
      from: new Date(from).toISOString(), to: new Date(to).toISOString(),
    });
    return `${line.api}?${query}`;
  }

  const ask = (line, span, points = MOST_POINTS) => Section.json(address(line, span, points));

  function listed(mark) {
    const item = Object.assign(document.createElement("li"), { className: mark.kind });
    const time = Object.assign(document.createElement("span"), { className: "at", textContent: format.when(new Date(mark.at)) });
    const lasted = mark.until ? `, for ${format.duration((mark.until - mark.at) / 1000)}` : ", still open";
    const link = Object.assign(document.createElement("a"), { href: mark.url, textContent: mark.label + (mark.kind === "alert" ? lasted : "") });
    item.addEventListener("pointerenter", () => crosshair.show(mark.at));
    item.addEventListener("pointerleave", () => crosshair.hide());
    item.append(time, link);
    return item;
  }

  // The newest first, but an alert that is still open before all.
  function listMarks(marks) {
    const open = (mark) => mark.kind === "alert" && !mark.until;
    const sorted = marks.toReversed().sort((a, b) => open(b) - open(a));
    find("marks").replaceChildren(...sorted.map(listed));
    find("no-marks").hidden = marks.length > 0;
  }

  async function load(span) {
    const around = Overview.around(span, view.since);
    resolution.value = view.resolution;
    const [strip, ...answers] = await Promise.all([
      ask(plots[0].lines[0], around, STRIP_POINTS),
      ...plots.map((plot) => Promise.all(plot.lines.map((line) => ask(line, span)))),
    ]);
    return () => {
      plots.forEach((plot, i) => plot.draw(answers[i], span));
      overview.draw(strip.points, around);
      listMarks(answers[0][0].marks);
    };
  }

  function compareWith(slug) {
    const query = new URLSearchParams(location.search);
    if (slug) query.set("with", slug);
    else query.delete("with");
    location.search = query;
  }

  resolution.addEventListener("change", () => view.limitTo(resolution.value));
  root.querySelector("form.compare").addEventListener("submit", (event) => {
    event.preventDefault();
    compareWith(event.target.elements.with.value.trim());
  });
  find("alone")?.addEventListener("click", () => compareWith(""));
  for (const plot of plots) {
    for (const link of plot.figure.querySelectorAll("[data-csv]")) {
      link.addEventListener("click", () => { link.href = `${address(plot.lines[link.dataset.csv], plot.span, MOST_POINTS)}&format=csv`; });
    }
    for (const button of plot.figure.querySelectorAll("[data-png]")) {
      button.addEventListener("click", () => picture.save(plot, root.dataset.name, root.dataset.slug, button.dataset.png));
    }
  }
  colours.changed(() => overview.paint());
  section.show();
})();
