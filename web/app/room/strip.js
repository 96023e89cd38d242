// One line under the head about the connection, or about the ten minutes that are left. A lost connection is silent for a
// second; only what was seen to be wrong is said to be right again.

import { STATUS } from "../../client/index.js";
import { el, icon } from "../dom.js";

const SILENT_MS = 1_000;
const WORTH_SAYING_MS = 3_000;
const BACK_SHOWN_MS = 2_000;

const BACK = "back";
const SOON = "soon";

const spin = () => el("span", { class: "spin", "aria-hidden": "true" });
const STRIPS = {
  [STATUS.RECONNECTING]: { key: "talk.reconnecting", picture: spin },
  [BACK]: { key: "talk.back-online", style: "ok", picture: () => icon("check") },
  [STATUS.MOVING]: { key: "talk.moving", picture: spin },
  [STATUS.BUSY]: { key: "talk.busy", picture: spin },
  [STATUS.SLOW]: { key: "talk.slow", style: "warn", picture: () => icon("clock") },
  [STATUS.REPLACED]: { key: "talk.replaced", button: "talk.use-here" },
  [STATUS.STUCK]: { key: "talk.stuck", style: "bad", picture: () => icon("alert"), button: "talk.reload" },
  [STATUS.OFFLINE]: { key: "talk.offline", style: "bad", picture: () => icon("offline") },
  [SOON]: { key: "talk.soon", style: "warn", picture: () => icon("clock") },
};
const WELL = [STATUS.ONLINE, STATUS.CONNECTING];
const COUNTS_SECONDS = [STATUS.BUSY, STATUS.SLOW];
const LOST = [STATUS.RECONNECTING, STATUS.MOVING, STATUS.BUSY, STATUS.OFFLINE];

export class Strip {
  element = el("div", { class: "status", role: "status" });
  #t;
  #onButton;
  #status = { name: STATUS.CONNECTING };
  #soon = null;             // the time it closes at, as text, in the last ten minutes
  #troubleSince = null;
  #lostShownSince = null;
  #backUntil = 0;
  #shown = null;
  #counter = null;          // the element whose text counts down
  #timer;

  /** `onButton(status name)` for the two strips that have a button. */
  constructor({ t, onButton }) {
    this.#t = t;
    this.#onButton = onButton;
  }

  setStatus(status) {
    if (!WELL.includes(status.name)) this.#troubleSince ??= Date.now();
    else if (status.name === STATUS.ONLINE) this.#wellAgain();
    else this.#troubleSince = null;
    this.#status = status;
    this.draw();
  }

  setSoon(time) {
    this.#soon = time;
    this.draw();
  }

  stop() {
    clearTimeout(this.#timer);
  }

  draw() {
    clearTimeout(this.#timer);
    const now = Date.now();
    const name = this.#what(now);
    if (LOST.includes(name)) this.#lostShownSince ??= now;
    this.#show(name, now);
    const next = this.#nextChangeMs(name, now);
    if (next !== null) this.#timer = setTimeout(() => this.draw(), next);
  }

  #wellAgain() {
    const now = Date.now();
    if (this.#lostShownSince !== null && now - this.#lostShownSince > WORTH_SAYING_MS) this.#backUntil = now + BACK_SHOWN_MS;
    this.#lostShownSince = null;
    this.#troubleSince = null;
  }

  #what(now) {
    const { name } = this.#status;
    const atOnce = name === STATUS.OFFLINE;
    if (this.#troubleSince !== null && (atOnce || now - this.#troubleSince >= SILENT_MS)) return name;
    if (now < this.#backUntil) return BACK;
    return this.#soon ? SOON : null;
  }

  #nextChangeMs(name, now) {
    const silentFor = this.#troubleSince === null ? null : this.#troubleSince + SILENT_MS - now;
    if (silentFor > 0) return silentFor;
    if (name === BACK) return this.#backUntil - now;
    return COUNTS_SECONDS.includes(name) ? 1000 : null;
  }

  #show(name, now) {
    const seconds = Math.max(1, Math.ceil(((this.#status.retryAt ?? now) - now) / 1000));
    const shown = name && { name, text: this.#t(STRIPS[name].key, { seconds, time: this.#soon }) };
    if (shown?.text === this.#shown?.text) return;
    const counting = shown?.name === this.#shown?.name && COUNTS_SECONDS.includes(name);
    this.#shown = shown;
    if (counting) this.#counter.textContent = shown.text;
    else this.element.replaceChildren(...(shown ? [this.#strip(shown)] : []));
  }

  // A number that counts down is seen, not heard: what is heard is said once.
  #strip({ name, text }) {
    const { style, picture, button } = STRIPS[name];
    const counts = COUNTS_SECONDS.includes(name);
    this.#counter = el("span", { "aria-hidden": counts && "true" }, text);
    return el("div", { class: style ? `strip ${style}` : "strip" },
      picture?.(),
      this.#counter,
      counts && el("span", { class: "vh" }, text),
      button && el("button", { class: "btn", type: "button", on: { click: () => this.#onButton(name) } }, this.#t(button)),
    );
  }
}
