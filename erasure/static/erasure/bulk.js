"use strict";

// Keeps the progress of bulk work up to date while somebody looks at it. Without this, the page is read again by hand.
{
    const box = document.querySelector("[data-progress]");
    const bar = document.getElementById("progress");
    const told = document.getElementById("told");

    const look = async () => {
        if (!document.hidden) {
            try {
                const answer = await fetch(box.dataset.progress, { headers: { Accept: "application/json" } });
                if (!answer.ok) {
                    return; // signed out, or no longer allowed: the page says so when it is read again
                }
                const now = await answer.json();
                bar.value = now.decided;
                told.textContent = now.told;
                if (!now.running) {
                    location.reload();
                    return;
                }
            } catch {
                // The desk is away for a moment.
            }
        }
        setTimeout(look, 1000);
    };
    setTimeout(look, 1000);
}
