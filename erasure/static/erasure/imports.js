// A running import tells how far it is, while somebody looks. Without this the page loads itself again.
"use strict";

(() => {
  const EVERY = 2000; // milliseconds
  const box = document.querySelector("[data-desk-import]");
  const bar = box.querySelector("progress");
  const told = box.querySelector("[role=status]");

  async function look() {
    if (!document.hidden) {
      try {
        const answer = await fetch(box.dataset.deskImport, { headers: { Accept: "application/json" } });
        const now = await answer.json();
        bar.value = now.done;
        if (told.textContent !== now.text) told.textContent = now.text;
        if (!now.running) {
          location.reload();
          return;
        }
      } catch {
        // The next look may reach the desk again.
      }
    }
    setTimeout(look, EVERY);
  }

  setTimeout(look, EVERY);
})();
