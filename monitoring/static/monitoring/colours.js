// The page's colours, as a canvas takes them.
"use strict";
const colours = (() => {
  // A canvas knows no light-dark(): an element that wears the colour tells what it comes to.
  const probe = document.body.appendChild(document.createElement("span"));
  probe.hidden = true;

  // colours.of("dark") gives those of dark pages; without a scheme, those of this page.
  function of(scheme = "") {
    return (name) => {
      probe.style.colorScheme = scheme;
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe).color;
    };
  }

  // Canvases are drawn anew when the colours change.
  function changed(redraw) {
    document.addEventListener("themechange", redraw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  }

  return { of, changed };
})();
