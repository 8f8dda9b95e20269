// One time, marked in all charts at once: by the pointer, or by the arrow keys.
"use strict";
const Crosshair = (() => {
  const DAY_MS = 86_400_000;
  const STEP = 0.01, LEAP = 0.1; // of what is shown, by an arrow key, and with Shift

  class Crosshair {
    // said: the live region that tells what the keys have found.
    constructor(plots, view, said) {
      Object.assign(this, { plots, view, said, time: null });
      for (const plot of plots) {
        plot.mark = Object.assign(document.createElement("span"), { className: "crosshair", hidden: true });
        plot.dots = plot.lines.map((line) => Object.assign(document.createElement("i"), { className: `dot line-${line.colour}`, hidden: true }));
        plot.area.append(plot.mark, ...plot.dots);
        plot.area.addEventListener("pointermove", (event) => this.show(this.under(plot, event)));
        plot.area.addEventListener("pointerleave", () => this.hide());
        plot.canvas.addEventListener("blur", () => this.hide());
        plot.canvas.addEventListener("keydown", (event) => this.key(plot, event));
        plot.area.addEventListener("dblclick", () => view.reset());
      }
    }

    under(plot, event) {
      const { left } = plot.canvas.getBoundingClientRect();
      return plot.chart.scales.x.getValueForPixel(event.clientX - left);
    }

    show(time) {
      const [from, to] = this.view.span();
      this.time = Math.min(Math.max(time, from), to);
      this.draw();
    }

    hide() {
      this.time = null;
      this.draw();
    }

    // In all charts; again whenever they have been drawn.
    draw() {
      for (const plot of this.plots) {
        plot.mark.hidden = this.time === null;
        for (const dot of plot.dots) dot.hidden = true;
        if (!plot.answers.length) continue;
        plot.say(this.time);
        if (this.time !== null) this.place(plot);
      }
    }

    place(plot) {
      const { x, y } = plot.chart.scales;
      const at = x.getPixelForValue(this.time);
      Object.assign(plot.mark.style, { left: `${at}px`, top: `${y.top}px`, height: `${y.height}px` });
      plot.mark.dataset.time = x.max - x.min > DAY_MS ? format.when(new Date(this.time)) : format.time(new Date(this.time));
      plot.mark.classList.toggle("late", at > (x.left + x.right) / 2);
      plot.dots.forEach((dot, i) => {
        const point = plot.pointAt(i, this.time);
        if (!point) return;
        dot.hidden = false;
        const left = x.getPixelForValue(plot.holds ? this.time : point[0]);
        Object.assign(dot.style, { left: `${left}px`, top: `${y.getPixelForValue(point[1])}px` });
      });
    }

    key(plot, event) {
      const [from, to] = this.view.span();
      const time = this.time ?? to;
      const step = (to - from) * (event.shiftKey ? LEAP : STEP);
      const moves = { ArrowLeft: time - step, ArrowRight: time + step, Home: from, End: to };
      const acts = {
        "+": () => this.view.zoomBy(0.5, time), "-": () => this.view.zoomBy(2, time),
        PageUp: () => this.view.move(-0.5), PageDown: () => this.view.move(0.5),
        Escape: () => { this.hide(); this.view.reset(); },
      };
      acts["="] = acts["+"];
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key in moves) {
        this.show(moves[event.key]);
        this.said.textContent = `${format.when(new Date(this.time))}: ${plot.say(this.time)}`;
      } else if (event.key in acts) acts[event.key]();
      else return;
      event.preventDefault();
    }
  }
  return Crosshair;
})();
