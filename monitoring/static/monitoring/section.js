// A section of charts: one time range for all, kept up to date, with buttons for the ranges.
"use strict";
const Section = (() => {
  const REFRESH_MS = 10_000;

  class Section {
    // load(span): asks for what the charts are to show; its promise is how to draw it. about: what
    // View is told, of which ``first`` is given the ranges there are.
    constructor(root, about, load) {
      this.root = root;
      this.load = load;
      this.asked = 0;
      this.buttons = [...root.querySelectorAll("[data-range]")];
      const ranges = this.buttons.map((button) => button.dataset.range);
      this.view = new View({ ...about, ranges, first: about.first(ranges), changed: () => this.show() });
      this.plots = [...root.querySelectorAll("figure.chart")].map((figure) => new Plot(figure, (from, to) => this.view.zoomTo(from, to)));
      this.crosshair = new Crosshair(this.plots, this.view, this.find("said"));
      for (const button of this.buttons) button.addEventListener("click", () => this.view.follow(button.dataset.range));
      this.find("reset").addEventListener("click", () => this.view.reset());
      colours.changed(() => this.plots.forEach((plot) => plot.recolour()));
      setInterval(() => {
        if (!this.view.zoomed && !document.hidden) this.refresh();
      }, REFRESH_MS);
    }

    find(name) {
      return this.root.querySelector(`[data-${name}]`);
    }

    static async json(address) {
      const response = await fetch(address, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
      return response.json();
    }

    async refresh() {
      const span = this.view.span();
      const mine = ++this.asked;
      const problem = this.find("chart-error");
      try {
        const draw = await this.load(span);
        if (mine !== this.asked) return; // the reader has moved on meanwhile
        draw();
        this.crosshair.draw();
        problem.hidden = true;
      } catch (error) {
        problem.textContent = `The charts could not be brought up to date (${error.message}); what is shown is older.`;
        problem.hidden = false;
      }
    }

    show() {
      this.find("reset").disabled = !this.view.zoomed;
      for (const button of this.buttons) {
        button.setAttribute("aria-pressed", String(!this.view.zoomed && button.dataset.range === this.view.range));
      }
      return this.refresh();
    }
  }
  return Section;
})();
