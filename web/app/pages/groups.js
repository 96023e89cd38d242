// What the settings are made of: groups of rows on cards, and rows that switch something.

import { el, icon } from "../dom.js";
import { t } from "../strings.js";

export function group(props, heading, ...content) {
  return el("section", { class: "group", ...props }, heading && el("h2", {}, heading), content);
}

export function card(...items) {
  return el("div", { class: "list-card" }, items);
}

/** What went wrong, below the card: hidden until it does. */
export function failure(text) {
  return el("p", { class: "say", role: "alert", hidden: true }, icon("alert"), text);
}

/** A row with a switch, and what is said when `save(isOn)` fails: then it goes back. */
export function switchRow({ label, what, isOn, save }) {
  const failed = failure(t("main.not-changed"));
  const box = el("input", { type: "checkbox", role: "switch", checked: isOn });
  box.addEventListener("change", async () => {
    const wanted = box.checked;
    failed.hidden = true;
    try {
      await save(wanted);
    } catch {
      box.checked = !wanted;
      failed.hidden = false;
    }
  });
  return { row: el("label", { class: "switch" }, el("b", {}, label), el("span", {}, what), box), failed };
}
