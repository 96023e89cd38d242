// What stands at the foot of a room that has ended. What was being written can still be taken along.

import { el } from "../dom.js";

export function endedFoot({ t, leftByThem, draft, onBack }) {
  const home = el("a", { class: "btn soft small", href: "#/", on: { click: (event) => { event.preventDefault(); onBack(); } } }, t("talk.to-main"));
  return el("div", { class: "foot-end" },
    draft.trim() && el("textarea", { class: "input", rows: "2", readonly: true, "aria-label": t("talk.draft") }, draft),
    el("b", {}, t("talk.over")),
    el("p", {}, t(leftByThem ? "talk.over-left" : "talk.over-read")),
    leftByThem && home,
  );
}
