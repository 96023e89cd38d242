// The log: draws the rows, keeps the reader's place, and knows what has been seen. role=log says what is new by itself;
// while older pages come in on top it is silent.

import { el, icon } from "../dom.js";
import { aboutLine, face, keywordChips } from "../person.js";
import { clockTime } from "../time.js";
import { Bubble } from "./bubble.js";
import { fit } from "./fit.js";
import { ROW } from "./rows.js";
import { startersFor } from "./starters.js";
import { calendarDay, dayIn } from "./words.js";

const AT_END_PX = 100;
const OLDER_WITHIN_PX = 600;
const IN_VIEW_PX = 24;
const LIVE_AGAIN_MS = 500;

export class Log {
  element;
  jump;
  #t;
  #list = el("ol");
  #parts;
  #drawn = new Map();           // key → {row, element, bubble}
  #order = [];
  #atEnd = true;
  #unseenFrom = null;           // the last seq when the reader left the end
  #watch = new ResizeObserver(() => this.#resized());
  #width = 0;
  #liveAgain;

  /** `parts`: partner() and catalogue() for what the rows say (the catalogue may be null), deeds of the bubbles, pickStarter(text), olderAgain(), onNearTop(), onSeen(). */
  constructor({ t, parts }) {
    this.#t = t;
    this.#parts = parts;
    this.element = el("div", { class: "log", role: "log", "aria-labelledby": "room-name", "aria-live": "polite", tabindex: "0", on: { scroll: () => this.#scrolled() } }, this.#list);
    this.element.style.overflowAnchor = "none";       // its own anchoring would be added to ours
    this.jump = el("button", { class: "jump", type: "button", hidden: true, on: { click: () => this.#toTheEnd() } });
  }

  start() {
    this.#watch.observe(this.element);
    this.#watch.observe(this.#list);
  }

  stop() {
    this.#watch.disconnect();
    clearTimeout(this.#liveAgain);
  }

  /** Own words always go to the end. */
  goToEnd() {
    this.#atEnd = true;
    this.element.scrollTop = this.element.scrollHeight;
  }

  draw(rows, { room, prepended = false }) {
    if (prepended) this.#silently();
    const place = this.#place();
    const fresh = this.#reconcile(rows, { room, prepended });
    fit(fresh.filter((bubble) => bubble.fits).map((bubble) => bubble.said));
    this.#keep(place);
    this.#drawJump(room);
    this.#afterMove();
  }

  /** The highest seq whose bubble can be seen, 0 for none. */
  highestSeqInView() {
    const box = this.element.getBoundingClientRect();
    for (const { bubble, element } of this.#order.map((key) => this.#drawn.get(key)).reverse()) {
      if (!bubble?.seq) continue;
      const { top, bottom, height } = element.getBoundingClientRect();
      if (height > 0 && top < box.bottom - Math.min(IN_VIEW_PX, height) && bottom > box.top) return bubble.seq;
    }
    return 0;
  }

  // ── rows to elements ──

  #reconcile(rows, { room, prepended }) {
    const fresh = [];
    const keys = new Set(rows.map(({ key }) => key));
    for (const key of this.#order) if (!keys.has(key)) this.#remove(key);
    let before = null;
    for (const row of rows) {
      const drawn = this.#update(row) ?? this.#create(row, { room, arrives: !prepended, fresh });
      const place = before === null ? this.#list.firstChild : before.nextSibling;
      if (drawn.element !== place) this.#list.insertBefore(drawn.element, place);
      before = drawn.element;
    }
    this.#order = rows.map(({ key }) => key);
    return fresh;
  }

  #update(row) {
    const drawn = this.#drawn.get(row.key);
    if (!drawn) return null;
    if (row.row === ROW.MESSAGE) drawn.bubble.update(row);
    else if (row.row === ROW.OLDER && drawn.row.state !== row.state) return this.#remove(row.key);
    drawn.row = row;
    return drawn;
  }

  #create(row, { room, arrives, fresh }) {
    const bubble = row.row === ROW.MESSAGE ? this.#bubble(row) : null;
    const element = bubble?.element ?? this.#draw[row.row](row, room);
    if (arrives && bubble) element.classList.add("in");
    if (bubble) fresh.push(bubble);
    const drawn = { row, element, bubble };
    this.#drawn.set(row.key, drawn);
    return drawn;
  }

  #remove(key) {
    this.#drawn.get(key)?.element.remove();
    this.#drawn.delete(key);
    return null;
  }

  #bubble(row) {
    return new Bubble({ row, nickname: this.#parts.partner().nickname, t: this.#t, deeds: this.#parts.deeds });
  }

  #draw = {
    [ROW.OLDER]: ({ state }) => this.#olderRow(state),
    [ROW.INTRO]: () => this.#introRow(),
    [ROW.DAY]: ({ at }) => el("li", { class: "day" }, el("time", { datetime: dayIn(at) }, calendarDay(at))),
    [ROW.OPENED]: (_, room) => el("li", { class: "sys" }, this.#openedText(room)),
    [ROW.STARTERS]: () => this.#startersRow(),
    [ROW.UNREAD]: () => el("li", { class: "unread" }, el("span", {}, this.#t("talk.read-up-to-here"))),
    [ROW.CLOSED]: (row, room) => el("li", { class: "sys" }, this.#closedText(row, room)),
    [ROW.TYPING]: () => this.#typingRow(),
  };

  #olderRow(state) {
    if (state === "loading") return el("li", { class: "sys" }, el("span", { class: "spin", role: "img", "aria-label": this.#t("talk.loading-older") }));
    return el("li", { class: "sys" }, this.#t("talk.older-failed"), " · ", el("button", { class: "link", type: "button", on: { click: this.#parts.olderAgain } }, this.#t("talk.older-again")));
  }

  #introRow() {
    const partner = this.#parts.partner();
    const catalogue = this.#parts.catalogue();
    const known = catalogue !== null && partner.birth_year;      // nothing of somebody who has withdrawn
    return el("li", { class: "intro" },
      face(partner.nickname, { size: "l" }),
      el("b", {}, partner.nickname),
      known && [el("span", { class: "dim" }, aboutLine(catalogue, partner)), keywordChips(catalogue, partner.keywords)],
    );
  }

  #openedText({ opensAt, closesAt }) {
    const time = clockTime(closesAt);
    const nextDay = dayIn(closesAt) !== dayIn(opensAt);
    return this.#t("talk.opened", { opens: clockTime(opensAt), closes: nextDay ? this.#t("talk.tomorrow-at", { time }) : time });
  }

  #closedText({ reason, by, at }, room) {
    if (reason === "left" && by !== null) return by === room.partner.id ? this.#t("talk.they-left", { nickname: this.#parts.partner().nickname }) : this.#t("talk.i-left");
    const closedAt = reason === "time" ? room.closesAt : at;
    return closedAt ? this.#t("talk.closed-at", { time: clockTime(closedAt) }) : this.#t("talk.closed");
  }

  #startersRow() {
    const partner = this.#parts.partner();
    const catalogue = this.#parts.catalogue();
    const starters = catalogue && partner.keywords ? startersFor(partner, catalogue) : [];
    if (starters.length === 0) return el("li", { hidden: true });
    return el("li", {}, el("div", { class: "ice" },
      el("p", {}, this.#t("talk.starters")),
      starters.map(({ emoji, text }) => el("button", { type: "button", on: { click: () => this.#parts.pickStarter(text) } }, el("span", { "aria-hidden": "true" }, emoji), el("span", {}, text))),
    ));
  }

  #typingRow() {
    const { nickname } = this.#parts.partner();
    return el("li", { class: "msg typing" }, face(nickname, { size: "s" }), el("p", { class: "bub" }, el("span", { class: "vh" }, this.#t("talk.typing", { nickname })), el("i"), el("i"), el("i")));
  }

  /** The catalogue or the partner became known: what was drawn without them is drawn again. */
  redrawAbout() {
    this.#silently();
    for (const key of ["intro", "starters"]) this.#remove(key);
    this.#order = this.#order.filter((key) => this.#drawn.has(key));
  }

  // ── the reader's place ──

  #place() {
    if (this.#atEnd) return null;
    const top = this.element.getBoundingClientRect().top;
    const anchor = this.#order.map((key) => this.#drawn.get(key)).find(({ bubble, element }) => bubble && element.getBoundingClientRect().bottom > top);
    return anchor ? { element: anchor.element, top: anchor.element.getBoundingClientRect().top } : null;
  }

  #keep(place) {
    if (this.#atEnd) this.element.scrollTop = this.element.scrollHeight;
    else if (place?.element.isConnected) this.element.scrollTop += place.element.getBoundingClientRect().top - place.top;
  }

  #resized() {
    const { clientWidth } = this.element;
    const bubbles = [...this.#drawn.values()].filter(({ bubble }) => bubble?.fits).map(({ bubble }) => bubble.said);
    if (clientWidth > 0 && clientWidth !== this.#width) fit(bubbles);
    this.#width = clientWidth;
    if (this.#atEnd) this.element.scrollTop = this.element.scrollHeight;
    this.#afterMove();
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.element;
    if (clientHeight === 0) return;                     // not shown: the numbers mean nothing
    this.#atEnd = scrollHeight - scrollTop - clientHeight <= AT_END_PX;
    this.#afterMove();
  }

  #afterMove() {
    if (this.#atEnd) this.jump.hidden = true;
    if (this.element.scrollTop < OLDER_WITHIN_PX) this.#parts.onNearTop();
    this.#parts.onSeen();
  }

  // ── the pill ──

  #drawJump(room) {
    if (this.#atEnd) this.#unseenFrom = room.lastSeq;
    const unseen = room.messages.filter(({ kind, mine, seq }) => kind === "text" && !mine && seq > this.#unseenFrom);
    this.jump.hidden = this.#atEnd || unseen.length === 0;
    if (this.jump.hidden) return;
    const count = unseen.length > 99 ? "99+" : String(unseen.length);
    this.jump.replaceChildren(
      el("span", {}, unseen.at(-1).text),
      el("span", { class: "badge" }, el("span", { class: "vh" }, this.#t("talk.new")), count),
      icon("down", { small: true }),
      el("span", { class: "vh" }, this.#t("talk.to-the-end")),
    );
  }

  #toTheEnd() {
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
    this.element.focus({ preventScroll: true });        // the pill will be gone
    this.element.scrollTo({ top: this.element.scrollHeight, behavior });
  }

  #silently() {
    clearTimeout(this.#liveAgain);
    this.element.setAttribute("aria-live", "off");
    this.#liveAgain = setTimeout(() => this.element.setAttribute("aria-live", "polite"), LIVE_AGAIN_MS);
  }
}
