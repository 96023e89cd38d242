// The frame of sign-in and of the small pages: the picture is the page, what to do is at its foot.

import { el } from "../dom.js";
import { scene, wordmark } from "../scene.js";

/** `foot`: nodes of the sheet at the bottom; `top`: what stands above the wordmark. */
export function door({ heading, lede, foot, top = null, lit = "", lamps = 0 }) {
  return el("main", { id: "main", class: "door", tabindex: "-1", data: { sky: "night" } },
    el("div", { class: "door-in" }, top, wordmark(), el("div", {}, el("h1", {}, heading), el("p", { class: "lede" }, lede))),
    scene({ lit, lamps }),
    el("div", { class: "door-foot" }, el("div", { class: "door-in" }, foot)),
  );
}
