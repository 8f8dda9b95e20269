// What every page does: times in the reader's zone, counting times, dialogs, colours, forms.
"use strict";
(() => {
  const THEMES = ["auto", "light", "dark"];
  const NAMES = { auto: "as the system", light: "light", dark: "dark" };

  function localTimes(root) {
    for (const time of root.querySelectorAll("time[data-when]")) {
      time.title ||= time.textContent;
      time.textContent = format.when(new Date(time.dateTime));
    }
  }

  function countTimes(root) {
    const now = Date.now();
    for (const time of root.querySelectorAll("time[data-relative]")) {
      time.textContent = format.relative(Date.parse(time.dateTime), now);
    }
    for (const time of root.querySelectorAll("time[data-since]")) {
      time.textContent = format.duration((now - Date.parse(time.dateTime)) / 1000);
    }
  }

  function showTheme(button) {
    const theme = document.documentElement.dataset.theme;
    const use = button.querySelector("use");
    use.setAttribute("href", `${use.dataset.icons}#${theme}`);
    button.setAttribute("aria-label", `Colours: ${NAMES[theme]}`);
    button.title = button.getAttribute("aria-label");
  }

  function nextTheme(button) {
    const now = THEMES.indexOf(document.documentElement.dataset.theme);
    const theme = THEMES[(now + 1) % THEMES.length];
    localStorage.setItem("theme", theme);
    document.documentElement.dataset.theme = theme;
    showTheme(button);
    document.dispatchEvent(new Event("themechange"));
  }

  function openDialog(button) {
    const dialog = document.getElementById(button.dataset.dialog);
    if (button.dataset.version) {
      dialog.querySelector("[name=to]").value = button.dataset.version;
      dialog.querySelector("[data-version-shown]").textContent = button.dataset.version;
    }
    for (const [name, value] of Object.entries(JSON.parse(button.dataset.fill || "{}"))) {
      dialog.querySelector(`[name=${name}]`).value = value;
    }
    dialog.showModal();
  }

  // Only the fields that the chosen trigger needs.
  function fitCadence(form) {
    const trigger = form.querySelector("[name=trigger]").value;
    for (const field of form.querySelectorAll("[data-for]")) {
      field.hidden = field.dataset.for !== trigger;
    }
  }

  function dress(root) {
    localTimes(root);
    countTimes(root);
    root.querySelectorAll("form[data-cadence]").forEach(fitCadence);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if ("themeToggle" in button.dataset) nextTheme(button);
    if (button.dataset.dialog) openDialog(button);
    if ("close" in button.dataset) button.closest("dialog").close();
  });
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-cadence]");
    if (form && event.target.name === "trigger") fitCadence(form);
  });
  document.addEventListener("htmx:load", (event) => dress(event.detail.elt.parentNode || document));

  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  document.querySelector("[data-time-zone]").textContent = zone;
  document.querySelectorAll("[data-theme-toggle]").forEach(showTheme);
  dress(document);
  // An address may name a dialog of its page.
  document.getElementById(location.hash.slice(1))?.showModal?.();
  setInterval(() => countTimes(document), 1000);
})();
