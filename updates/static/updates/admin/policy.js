"use strict";
// The form of a policy: says which fields the chosen trigger and strategy do not read, and shows
// what the cadence means while it is being written.
(() => {
  const form = document.getElementById("updatepolicy_form");
  const target = document.getElementById("cadence-preview");
  if (!form || !target) return;
  const goesWith = JSON.parse(target.dataset.goesWith);
  const box = document.getElementById("cadence");
  const PAUSE_MS = 300;
  let asked = 0;
  let timer = 0;

  async function preview() {
    const mine = ++asked;
    let text;
    try {
      const answer = await fetch(target.dataset.address, {
        method: "POST",
        body: new FormData(form),
        headers: { "X-Requested-With": "XMLHttpRequest" },
      });
      if (!answer.ok) throw new Error(`answer ${answer.status}`);
      text = await answer.text();
    } catch (error) {
      text = null;
      if (mine === asked) target.textContent = `No preview: ${error.message}.`;
    }
    // A later question may have been answered first.
    if (mine === asked && text !== null) target.innerHTML = text;
  }

  function markUnread() {
    for (const [field, condition] of Object.entries(goesWith)) {
      const [[select, value]] = Object.entries(condition);
      const row = form.querySelector(`.form-row.field-${field}`);
      const chosen = form.elements[select];
      if (!row || !chosen) continue;
      const unread = ![value].flat().includes(chosen.value);
      row.classList.toggle("unread", unread);
      let note = row.querySelector(".unread-note");
      if (!note) {
        note = document.createElement("p");
        note.className = "unread-note";
        row.append(note);
      }
      note.textContent = unread ? `Not read: ${select} is ${chosen.value || "not chosen"}.` : "";
    }
  }

  // Below the fields: growing there, it moves none that is being written in.
  box.closest("fieldset").append(box);
  box.hidden = false;
  box.querySelector("button").addEventListener("click", preview);
  form.addEventListener("input", () => {
    markUnread();
    clearTimeout(timer);
    timer = setTimeout(preview, PAUSE_MS);
  });
  markUnread();
  preview();
})();
