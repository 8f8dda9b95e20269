// Before the first paint: the colours that the reader chose. Same key as Django's admin uses.
"use strict";
document.documentElement.dataset.theme = localStorage.getItem("theme") || "auto";
