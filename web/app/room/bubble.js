// One message in the log. Made once; when it changes, only what changed is touched, so that it is not read out again.

import { el, icon } from "../dom.js";
import { face } from "../person.js";
import { clockTime } from "../time.js";
import { LOOK } from "./rows.js";
import { isLargeEmoji, saidNodes } from "./said.js";

const LOOK_CLASS = { [LOOK.FRESH]: "wait", [LOOK.SENDING]: "wait", [LOOK.FOR_CONNECTION]: "queue", [LOOK.FOR_PREVIOUS]: "queue", [LOOK.FAILED]: "fail" };
const WHY = { [LOOK.FOR_CONNECTION]: "talk.waits-for-connection", [LOOK.FOR_PREVIOUS]: "talk.waits-for-previous", [LOOK.FAILED]: "talk.failed" };

export class Bubble {
  element;
  said;
  seq;
  #t;
  #deeds;
  #meta = null;
  #why = null;
  #shown = "";

  /** `deeds` are retry(clientId), discard(clientId), copy(text). */
  constructor({ row, nickname, t, deeds }) {
    const { message } = row;
    this.#t = t;
    this.#deeds = deeds;
    const large = isLargeEmoji(message.text);
    this.said = el("p", { class: large ? "bub big" : "bub", dir: "auto" }, saidNodes(message.text));
    this.element = el("li", {},
      message.mine ? null : face(nickname, { size: "s" }),
      el("span", { class: "vh" }, message.mine ? t("talk.i-say") : t("talk.says", { nickname })),
      this.said,
    );
    this.update(row);
  }

  get fits() {
    return !this.said.classList.contains("big");
  }

  update(row) {
    this.seq = row.message.seq;
    const shown = [row.look, row.same, row.time?.getTime(), row.unread, row.failure].join();
    if (shown === this.#shown) return;
    this.#shown = shown;
    const classes = ["msg", row.message.mine && "mine", row.same && "same", LOOK_CLASS[row.look], this.element.classList.contains("in") && "in"];
    this.element.className = classes.filter(Boolean).join(" ");
    this.#setMeta(this.#metaOf(row));
    this.#setWhy(WHY[row.look]);
  }

  #metaOf(row) {
    if (row.look === LOOK.STORED) return this.#receipt(row);
    if (row.look === LOOK.FRESH) return [];
    if (row.look === LOOK.SENDING) return [el("span", { class: "spin", "aria-hidden": "true" }), el("span", { class: "vh" }, this.#t("talk.sending"))];
    if (row.look === LOOK.FAILED) return [this.#buttons(row)];
    return [icon("clock", { label: this.#t("talk.not-sent-yet") })];
  }

  #receipt({ unread, time }) {
    const one = unread && [el("span", { class: "one", "aria-hidden": "true" }, "1"), el("span", { class: "vh" }, this.#t("talk.not-read-yet"))];
    return [one, time && el("time", { datetime: time.toISOString() }, clockTime(time))].flat().filter(Boolean);
  }

  #buttons({ message, failure }) {
    const { clientId, text } = message;
    const first = failure === "room_closed"
      ? el("button", { type: "button", "aria-label": this.#t("talk.copy"), on: { click: () => this.#deeds.copy(text) } }, icon("copy"))
      : el("button", { type: "button", "aria-label": this.#t("talk.send-again"), on: { click: () => this.#deeds.retry(clientId) } }, icon("again"));
    const discard = el("button", { type: "button", "aria-label": this.#t("talk.discard"), on: { click: () => this.#deeds.discard(clientId) } }, icon("close"));
    return el("span", { class: "retry" }, first, discard);
  }

  #setMeta(content) {
    this.#meta?.remove();
    this.#meta = content.length ? el("div", { class: "meta" }, content) : null;
    if (this.#meta) this.said.after(this.#meta);
  }

  #setWhy(key) {
    this.#why?.remove();
    this.#why = key ? el("p", { class: "why" }, this.#t(key)) : null;
    if (this.#why) this.element.append(this.#why);
  }
}
