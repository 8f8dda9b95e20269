// Which part of time the reader looks at; kept in the address, so that a link shows the same.
"use strict";
const View = (() => {
  const SHORTEST_MS = 60_000;
  const iso = (ms) => new Date(ms).toISOString();

  class View {
    // ranges: seconds before now, or "all", that can be followed; first: at first. resolutions: in
    // seconds, the finest first. since: begin of all, in ms.
    constructor({ ranges, first, resolutions, since, changed }) {
      const query = new URLSearchParams(location.search);
      const [from, to] = [Date.parse(query.get("from")), Date.parse(query.get("to"))];
      this.since = since;
      this.first = first;
      this.changed = changed;
      this.range = ranges.includes(query.get("range")) ? query.get("range") : first;
      this.resolution = resolutions.includes(query.get("resolution")) ? query.get("resolution") : resolutions[0];
      this.finest = resolutions[0];
      this.zoomed = from < to ? [from, to] : null;
    }

    // From when to when, in ms.
    span() {
      if (this.zoomed) return this.zoomed;
      const now = Date.now();
      return [this.range === "all" ? Math.min(this.since, now - SHORTEST_MS) : now - Number(this.range) * 1000, now];
    }

    // To the last of so many seconds, and on as time goes by.
    follow(range) {
      this.range = range;
      this.reset();
    }

    reset() {
      this.zoomed = null;
      this.keep();
    }

    zoomTo(from, to) {
      const width = Math.max(to - from, SHORTEST_MS);
      const end = Math.min(from + width, Date.now());
      this.zoomed = [Math.round(end - width), Math.round(end)];
      this.keep();
    }

    // Narrower for a factor below 1; the time stays where it is.
    zoomBy(factor, time) {
      const [from, to] = this.span();
      this.zoomTo(time - (time - from) * factor, time + (to - time) * factor);
    }

    // By a share of what is shown.
    move(share) {
      const [from, to] = this.span();
      this.zoomTo(from + share * (to - from), to + share * (to - from));
    }

    limitTo(resolution) {
      this.resolution = resolution;
      this.keep();
    }

    keep() {
      const query = new URLSearchParams(location.search);
      const shown = {
        range: this.zoomed ? null : this.range,
        from: this.zoomed && iso(this.zoomed[0]),
        to: this.zoomed && iso(this.zoomed[1]),
        resolution: this.resolution === this.finest ? null : this.resolution,
      };
      for (const [name, value] of Object.entries(shown)) {
        if (value) query.set(name, value);
        else query.delete(name);
      }
      history.replaceState(null, "", `?${query}${location.hash}`);
      this.changed();
    }
  }
  return View;
})();
