// Writing. Enter sends, but never while Hangul is being composed; on glass Enter is a line break. The value of the box is
// not touched while a syllable is open: it would be written twice.

import { LIMITS } from "../../client/index.js";
import { el, icon, setAttribute } from "../dom.js";

const COUNTER_FROM = 900;

export class Composer {
  element;
  #t;
  #draft;
  #onSend;
  #onTyping;
  #composing = false;
  #sendWhenComposed = false;
  #label = el("label", { class: "vh", for: "say" });
  #box = el("textarea", { id: "say", rows: "1", enterkeyhint: "enter", autocomplete: "off" });
  #counter = el("span", { class: "left", hidden: true });
  #send;

  /** `draft` has read(), keep(text), drop(); `onSend(text)` gets it trimmed and in NFC, within the limits. */
  constructor({ t, draft, onSend, onTyping }) {
    this.#t = t;
    this.#draft = draft;
    this.#onSend = onSend;
    this.#onTyping = onTyping;
    this.#send = el("button", { class: "send", "aria-label": t("talk.send"), "aria-disabled": "true", on: { mousedown: (event) => event.preventDefault() } }, icon("up"));
    this.#box.placeholder = t("talk.placeholder");
    this.#box.value = draft.read();
    this.#box.addEventListener("keydown", (event) => this.#key(event));
    this.#box.addEventListener("input", () => this.#input());
    this.#box.addEventListener("compositionstart", () => { this.#composing = true; });
    this.#box.addEventListener("compositionend", () => this.#composed());
    this.element = el("form", { class: "composer", on: { submit: (event) => this.#submit(event) } },
      el("div", { class: "box" }, this.#label, this.#box, this.#counter),
      this.#send,
    );
    this.#draw();
  }

  address(nickname) {
    this.#label.textContent = this.#t("talk.write-to", { nickname });
  }

  get text() {
    return this.#box.value;
  }

  focus() {
    this.#box.focus({ preventScroll: true });
  }

  /** A starter goes into the box, at the end of what may stand there already. */
  fill(text) {
    this.#box.value = this.#box.value.trim() ? `${this.#box.value.trimEnd()} ${text}` : text;
    this.#input();
    this.focus();
    this.#box.setSelectionRange(this.#box.value.length, this.#box.value.length);
  }

  // Safari ends the composition before the keydown that ended it: there only the keyCode 229 tells.
  #key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    if (matchMedia("(pointer: coarse)").matches) return;
    event.preventDefault();
    this.#sendNow();
  }

  #submit(event) {
    event.preventDefault();
    if (this.#composing) {
      this.#sendWhenComposed = true;      // the open syllable belongs to it; leaving the box closes it
      this.#box.blur();
      return;
    }
    this.#sendNow();
  }

  #composed() {
    this.#composing = false;
    this.#input();
    if (!this.#sendWhenComposed) return;
    this.#sendWhenComposed = false;
    setTimeout(() => this.#sendNow());    // the browser writes the syllable after this event
  }

  #sendNow() {
    const text = whatToSend(this.#box.value);
    if (!fits(text)) return;
    this.#box.value = "";
    this.#draft.drop();
    this.#draw();
    this.focus();
    this.#onSend(text);
  }

  #input() {
    this.#draft.keep(this.#box.value);
    if (this.#box.value.trim()) this.#onTyping();
    this.#draw();
  }

  #draw() {
    this.#grow();
    const text = whatToSend(this.#box.value);
    setAttribute(this.#send, "aria-disabled", fits(text) ? null : "true");
    if (!this.#composing) this.#count(lengthOf(text));
  }

  #count(length) {
    const over = length - LIMITS.text;
    this.#counter.hidden = length <= COUNTER_FROM;
    this.#counter.classList.toggle("over", over > 0);
    this.#counter.replaceChildren(
      over > 0 ? el("span", { class: "vh" }, this.#t("talk.too-long", { over })) : "",
      `${length.toLocaleString("en-US")}/${LIMITS.text.toLocaleString("en-US")}`,
    );
  }

  // Browsers without `field-sizing: content` need to be told the height.
  #grow() {
    if (CSS.supports("field-sizing", "content")) return;
    this.#box.style.blockSize = "auto";
    this.#box.style.blockSize = `${this.#box.scrollHeight}px`;
  }
}

/** As the server counts it: NFC, without white space around it. A lone half of a character is nobody's text. */
function whatToSend(value) {
  const text = value.trim().normalize("NFC");
  return text.toWellFormed?.() ?? text;
}

function fits(text) {
  const length = lengthOf(text);
  return length > 0 && length <= LIMITS.text;
}

/** Characters as Python counts them: code points. */
function lengthOf(text) {
  return [...text].length;
}
