// Before anything is known: the sky and shapes, no words. The last resort against a blank page.

import { el } from "../dom.js";
import { loadingCard } from "../main-page/cards.js";
import { loadingHero } from "../main-page/hero.js";

const PATIENCE_MS = 10_000;

export function waitingPage({ onTooLong }) {
  const patience = setTimeout(onTooLong, PATIENCE_MS);
  const element = el("main", { id: "main", class: "app", tabindex: "-1", data: { view: "main", phase: "loading" } },
    el("section", { class: "home" }, loadingHero(new Date()), el("div", { class: "home-body" }, loadingCard())));
  return { element, title: "", leave: () => clearTimeout(patience) };
}
