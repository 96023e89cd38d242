// One field of a form: label, control, and one line under it that says a hint, that all is well, or what is wrong.

import { el, icon } from "../dom.js";

const MESSAGE = { hint: null, good: "check", err: "alert" };

/**
 * `name` is the field's name in the API: refusals find it by that. `controls`: what gets aria-invalid and, the first of them,
 * the focus. A `group` is a fieldset with a legend.
 */
export class Field {
  #message;
  #controls;
  #first;

  constructor({ name, label, control, controls, counter = null, group = false }) {
    this.name = name;
    this.#controls = controls;
    this.#first = controls[0];
    this.#message = el("p", { class: "hint", id: `${name}-message`, role: "status", hidden: true });
    const words = [el("span", {}, label), counter];
    this.element = group
      ? el("fieldset", { class: "field", "aria-describedby": this.#message.id }, el("legend", { class: "label" }, words), control, this.#message)
      : el("div", { class: "field" }, el("label", { for: this.#first.id }, words), control, this.#message);
    if (!group) this.#first.setAttribute("aria-describedby", this.#message.id);
  }

  hint(text) {
    this.#say("hint", text);
  }

  good(text) {
    this.#say("good", text);
  }

  refuse(text) {
    this.#say("err", text);
  }

  clear() {
    this.#say("hint", null);
  }

  get isRefused() {
    return this.#message.className === "err";
  }

  focus() {
    (this.#controls.find((control) => control.checked) ?? this.#first).focus();
  }

  #say(kind, text) {
    const shown = Boolean(text);
    this.#message.className = kind;
    this.#message.hidden = !shown;
    this.#message.replaceChildren(...(shown ? [MESSAGE[kind] && icon(MESSAGE[kind]), el("span", {}, text)].filter(Boolean) : []));
    for (const control of this.#controls) {
      if (kind === "err") control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
  }
}

/** Radios as buttons in a row. `options`: [{value, label, picture?}] */
export function radios({ name, options, chosen, className = "pick two", onChange }) {
  const inputs = options.map(({ value }) => el("input", {
    type: "radio", name, value: String(value), checked: String(value) === String(chosen), on: { change: () => onChange(value) },
  }));
  const element = el("div", { class: className }, options.map(({ label, picture }, n) =>
    el("label", { class: "opt" }, inputs[n], el("span", {}, picture, picture ? el("b", {}, label) : label))));
  return { element, inputs };
}

export function select({ id, options, chosen, label = null, onChange }) {
  const element = el("select", { class: "input num", id, "aria-label": label },
    options.map(([value, text]) => el("option", { value: String(value), selected: String(value) === String(chosen ?? "") }, text)));
  element.addEventListener("change", () => onChange(element.value ? Number(element.value) : null));
  return element;
}
