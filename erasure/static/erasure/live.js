/* Follows a case while workers are at it: asks what has changed, and puts the changed parts of the page in place.

   It asks only while the page is visible and the case is under way, less often while nothing changes, and stops for good
   when the answer is no page of this case (signed out, or not allowed any more). A part in which somebody types or has
   typed stays as it is. */
"use strict";
{
    const page = document.querySelector("[data-live]");
    const FIRST = 4000;
    const MOST = 30000;
    const address = page.dataset.live + (page.dataset.show ? `?show=${encodeURIComponent(page.dataset.show)}` : "");
    const notice = document.getElementById("live-notice");
    let mark = "";
    let wait = FIRST;
    let timer = 0;
    let asking = false;
    let stopped = false;
    let left = new Map(); // parts that have changed and could not be put in place yet

    const whole = () => document.getElementById("case-parts");
    const parts = (root) => new Map([...root.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));

    /** What a part says, without what differs from one drawing to the next. */
    const said = (part) => {
        const copy = part.cloneNode(true);
        copy.querySelectorAll("input[name=csrfmiddlewaretoken]").forEach((field) => field.remove());
        copy.querySelectorAll("details").forEach((fold) => fold.removeAttribute("open"));
        return copy.outerHTML;
    };

    const isDirty = (field) => {
        if (field.type === "hidden" || field.type === "submit") return false;
        if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
        if (field.type === "file") return field.files.length > 0;
        if (field.options) {
            const chosen = [...field.options].filter((option) => option.defaultSelected);
            return field.value !== (chosen.length ? chosen[0].value : field.options.length ? field.options[0].value : "");
        }
        return field.value !== field.defaultValue;
    };

    /** Whether somebody writes in a part, or has written there. Fields may stand outside their form. */
    const isBusy = (part) => {
        const focused = document.activeElement;
        if (part.contains(focused) && focused.closest("form")) return true;
        return [...part.querySelectorAll("input, textarea, select")].some(isDirty);
    };

    const folds = (part) => [...part.querySelectorAll("details[id]"), ...(part.matches("details[id]") ? [part] : [])];

    /** The place of the focused element among those of a part that take focus; -1 where it is elsewhere. */
    const focusable = (part) => [...part.querySelectorAll("a[href], summary, button, input, textarea, select")];

    const put = (old, fresh) => {
        const open = new Map(folds(old).map((fold) => [fold.id, fold.open]));
        const place = focusable(old).indexOf(document.activeElement);
        const adopted = document.importNode(fresh, true);
        folds(adopted).forEach((fold) => { if (open.has(fold.id)) fold.open = open.get(fold.id); });
        old.replaceWith(adopted);
        if (place >= 0) focusable(adopted)[place]?.focus({ preventScroll: true });
    };

    const putAll = () => {
        for (const [name, fresh] of [...left]) {
            const old = parts(whole()).get(name);
            if (!old) { left.delete(name); continue; }
            if (isBusy(old)) continue;
            put(old, fresh);
            left.delete(name);
        }
        notice.hidden = !left.size;
        if (left.size) tell(page.dataset.changed);
    };

    const tell = (text) => { if (notice.textContent !== text) notice.textContent = text; };

    const show = (html) => {
        const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("case-parts");
        if (!fresh) return false;
        const now = whole();
        const had = parts(now);
        const has = parts(fresh);
        const same = had.size === has.size && [...has.keys()].every((name) => had.has(name));
        if (same) {
            for (const [name, part] of has) {
                if (said(part) === said(had.get(name))) left.delete(name);
                else left.set(name, part);
            }
            now.toggleAttribute("data-going", fresh.hasAttribute("data-going"));
        } else if (isBusy(now)) {
            notice.hidden = false;
            tell(page.dataset.changed);
            return true;
        } else {
            left = new Map();
            put(now, fresh);
        }
        if (now.dataset.says !== fresh.dataset.says) {
            document.getElementById("live-said").textContent = fresh.dataset.says;
            whole().dataset.says = fresh.dataset.says;
        }
        putAll();
        return true;
    };

    const stop = () => {
        stopped = true;
        notice.hidden = false;
        tell(page.dataset.signedOut);
    };

    const ask = async () => {
        if (asking || stopped || document.hidden) return;
        asking = true;
        try {
            const headers = mark ? { "If-None-Match": mark } : {};
            const answer = await fetch(address, { headers, redirect: "manual", credentials: "same-origin" });
            if (answer.status === 304) {
                wait = Math.min(wait * 1.4, MOST);
            } else if (answer.ok) {
                if (!show(await answer.text())) return stop();
                mark = answer.headers.get("ETag") || "";
                wait = FIRST;
            } else if (answer.status >= 500) {
                wait = MOST;
            } else {
                return stop();
            }
        } catch {
            wait = MOST; // the network is away: the page stays as it is, and asks again
        } finally {
            asking = false;
        }
        later();
    };

    const later = () => {
        clearTimeout(timer);
        if (!stopped && !document.hidden && whole().hasAttribute("data-going")) timer = setTimeout(ask, wait);
    };

    document.addEventListener("visibilitychange", () => {
        clearTimeout(timer);
        if (!document.hidden && whole().hasAttribute("data-going")) { wait = FIRST; ask(); }
    });
    document.addEventListener("focusout", () => setTimeout(() => { if (left.size) putAll(); }, 0));
    document.addEventListener("submit", () => { stopped = true; clearTimeout(timer); });

    // On paper nothing is folded.
    let folded = [];
    window.addEventListener("beforeprint", () => {
        folded = [...page.querySelectorAll("details:not([open])")];
        folded.forEach((fold) => { fold.open = true; });
    });
    window.addEventListener("afterprint", () => { folded.forEach((fold) => { fold.open = false; }); });

    later();
}
