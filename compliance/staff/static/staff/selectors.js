"use strict";

// Django's boxes that choose of two lists name their field by a label on a bare span, which readers of the screen skip:
// as a picture it is read. The boxes are drawn when the page has loaded; this comes after.
addEventListener("load", () => {
    setTimeout(() => {
        for (const sign of document.querySelectorAll(".selector .search-label-icon")) sign.setAttribute("role", "img");
    });
});
