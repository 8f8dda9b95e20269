// A strip that shows more of time than the charts do: its window is what they show, and can be moved.
"use strict";
const Overview = (() => {
  const WIDER = 6; // as much again on either side, as far as there is something
  const NARROWEST_PX = 10;

  class Overview {
    constructor(strip, view) {
      Object.assign(this, { strip, view, canvas: strip.querySelector("canvas"), window: strip.querySelector("[role=slider]") });
      this.points = [];
      this.window.addEventListener("keydown", (event) => this.key(event));
      strip.addEventListener("pointerdown", (event) => this.grab(event));
      strip.addEventListener("pointermove", (event) => this.drag(event));
      strip.addEventListener("pointerup", () => this.drop());
      strip.addEventListener("pointercancel", () => { this.held = null; this.place(this.view.span()); });
      strip.addEventListener("dblclick", () => view.reset());
    }

    // What the strip shows around what the charts show, in ms.
    static around([from, to], since) {
      const more = WIDER * (to - from);
      return [Math.min(from, Math.max(since, from - more)), Math.max(to, Math.min(Date.now(), to + more))];
    }

    draw(points, span) {
      this.points = points;
      this.span = span;
      this.paint();
      if (!this.held) this.place(this.view.span());
    }

    paint() {
      const { clientWidth: width, clientHeight: height } = this.strip;
      const ratio = window.devicePixelRatio;
      Object.assign(this.canvas, { width: width * ratio, height: height * ratio });
      const pen = this.canvas.getContext("2d");
      pen.scale(ratio, ratio);
      const top = Math.max(...this.points.map(([, value]) => value), 1e-9);
      pen.fillStyle = colours.of()("--strip");
      pen.beginPath();
      pen.moveTo(0, height);
      for (const [time, value] of this.points) pen.lineTo(this.pixel(time), height - (value / top) * (height - 4));
      pen.lineTo(this.points.length ? this.pixel(this.points.at(-1)[0]) : 0, height);
      pen.lineTo(this.points.length ? this.pixel(this.points[0][0]) : 0, height);
      pen.fill();
    }

    pixel(time) {
      return ((time - this.span[0]) / (this.span[1] - this.span[0])) * this.strip.clientWidth;
    }

    time(pixel) {
      return this.span[0] + (pixel / this.strip.clientWidth) * (this.span[1] - this.span[0]);
    }

    place([from, to]) {
      this.shown = [from, to];
      const width = Math.max(this.pixel(to) - this.pixel(from), NARROWEST_PX);
      Object.assign(this.window.style, { left: `${Math.min(this.pixel(from), this.strip.clientWidth - width)}px`, width: `${width}px` });
      const share = (100 * (from - this.span[0])) / (this.span[1] - this.span[0]);
      this.window.setAttribute("aria-valuenow", Math.round(share));
      this.window.setAttribute("aria-valuetext", `${format.when(new Date(from))} to ${format.when(new Date(to))}`);
    }

    // The window by its middle or an edge; elsewhere, the window comes there first.
    grab(event) {
      const x = event.clientX - this.strip.getBoundingClientRect().left;
      const [left, right] = this.shown.map((time) => this.pixel(time));
      const edge = Math.min(8, (right - left) / 4);
      this.held = { x, shown: this.shown, by: Math.abs(x - left) <= edge ? "from" : Math.abs(x - right) <= edge ? "to" : "both" };
      if (x < left - edge || x > right + edge) {
        const half = (this.shown[1] - this.shown[0]) / 2;
        this.held.shown = [this.time(x) - half, this.time(x) + half];
        this.held.moved = true;
        this.place(this.held.shown);
      }
      this.strip.setPointerCapture(event.pointerId);
    }

    drag(event) {
      if (!this.held) return;
      const x = event.clientX - this.strip.getBoundingClientRect().left;
      const moved = this.time(x) - this.time(this.held.x);
      if (Math.abs(x - this.held.x) > 2) this.held.moved = true;
      const [from, to] = this.held.shown;
      const next = [this.held.by === "to" ? from : from + moved, this.held.by === "from" ? to : to + moved];
      if (next[0] < next[1]) this.place(next);
    }

    drop() {
      const moved = this.held?.moved;
      this.held = null;
      if (moved) this.view.zoomTo(...this.shown);
    }

    key(event) {
      const [from, to] = this.view.span();
      const acts = {
        ArrowLeft: () => this.view.move(-0.25), ArrowRight: () => this.view.move(0.25),
        "+": () => this.view.zoomBy(0.5, (from + to) / 2), "-": () => this.view.zoomBy(2, (from + to) / 2),
        Escape: () => this.view.reset(),
      };
      acts["="] = acts["+"];
      if (!(event.key in acts) || event.ctrlKey || event.metaKey || event.altKey) return;
      acts[event.key]();
      event.preventDefault();
    }
  }
  return Overview;
})();
