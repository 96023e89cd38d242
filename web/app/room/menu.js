// A menu button (WAI-ARIA Authoring Practices, "Menu Button"): arrows, Home and End move, Escape closes, Tab leaves.

import { el, icon } from "../dom.js";

export class Menu {
  button;
  element;
  #items;

  /** `items`: {label, symbol, danger, choose()}. What is dangerous stands apart. */
  constructor({ label, items }) {
    this.button = el("button", { class: "icon-btn", type: "button", "aria-label": label, "aria-haspopup": "menu", "aria-expanded": "false", on: { click: () => this.#toggle() } }, icon("more"));
    this.#items = items.map((item) => this.#item(item));
    this.element = el("div", { class: "menu", role: "menu", "aria-label": label, hidden: true, on: { keydown: (event) => this.#key(event), focusout: (event) => this.#left(event) } },
      this.#items.map((item, n) => [n && items[n].danger ? el("hr", { role: "separator" }) : null, item]));
  }

  /** The dangerous ones are there only while they make sense. */
  showDanger(shown) {
    for (const element of this.element.querySelectorAll("hr, .red")) element.hidden = !shown;
  }

  get #shown() {
    return this.#items.filter((item) => !item.hidden);
  }

  close() {
    this.element.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
  }

  #item({ label, symbol, danger, choose }) {
    const chosen = () => {
      this.close();
      this.button.focus();        // where the focus returns to when what was chosen is over
      choose();
    };
    return el("button", { role: "menuitem", type: "button", tabindex: "-1", class: danger ? "red" : null, on: { click: chosen } }, icon(symbol), el("span", {}, label));
  }

  #toggle() {
    if (!this.element.hidden) {
      this.close();
      return;
    }
    this.element.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    this.#items[0].focus();
  }

  #key(event) {
    const items = this.#shown;
    const at = items.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (next !== undefined) items.at(next % items.length).focus();
    else if (event.key === "Escape") this.#escape();
    else return;
    event.preventDefault();
  }

  #escape() {
    this.close();
    this.button.focus();
  }

  #left({ relatedTarget }) {
    const inside = relatedTarget && (this.element.contains(relatedTarget) || relatedTarget === this.button);
    if (!inside) this.close();
  }
}
