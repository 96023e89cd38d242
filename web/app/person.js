// A person as Damso shows one: no photo, the first syllable of the nickname in a lit window; theirs lamp, mine mint.

import { el, icon } from "./dom.js";
import { t } from "./strings.js";

export function face(nickname, { size = "", mine = false, away = false, online = false } = {}) {
  const kind = ["face", size, mine && "b", away && "away"].filter(Boolean).join(" ");
  return el("span", { class: kind, "aria-hidden": "true" }, [...nickname][0] ?? "", online && el("i", { class: "on" }));
}

/** 컴퓨터공학과 · 03년생; empty for somebody who has left the service. */
export function aboutLine(catalogue, { department, birth_year }) {
  return [catalogue.department(department), birth_year && bornShort(birth_year)].filter(Boolean).join(" · ");
}

function bornShort(year) {
  return t("born-short", { year, yy: String(year).slice(-2) });
}

export function keywordChips(catalogue, ids) {
  const keywords = ids.map((id) => catalogue.keyword(id)).filter(Boolean);
  if (keywords.length === 0) return null;
  return el("ul", { class: "chips", "aria-label": t("keywords") },
    keywords.map(({ emoji, name }) => el("li", { class: "chip" }, el("span", { "aria-hidden": "true" }, emoji), el("span", {}, name))));
}

export function infoLine(name, text) {
  return el("div", { class: "say info" }, icon(name), el("p", {}, text));
}
