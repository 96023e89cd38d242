// The room: wires the model of the client to the parts of the page. The parts know nothing of each other.

import { ROOM, STATUS } from "../../client/index.js";
import { Catalogue } from "../catalogue.js";
import { ask } from "../dialog.js";
import { el } from "../dom.js";
import { clockTime } from "../time.js";
import { Composer } from "./composer.js";
import { endedFoot } from "./foot.js";
import { Head, SOON_MS, untilNextMinuteMs } from "./head.js";
import { Keyboard } from "./keyboard.js";
import { Log } from "./log.js";
import { ReadMarks } from "./read-marks.js";
import { nextLookMs, rowsOf } from "./rows.js";
import { blockPartner, reportPartner } from "./safety.js";
import { Strip } from "./strip.js";

const LONGEST_TIMER_MS = 60 * 60 * 1000;
const AFTER_CLOSING_MS = 5_000;     // everybody's clock strikes eight: ask at a random moment after it

/** `partner` is what the main page knows of the other one, shown until the room itself has been asked. */
export function roomView({ client, roomId, partner, onBack, t, announce }) {
  return new RoomView({ client, room: client.room(roomId), partner, onBack, t, announce });
}

class RoomView {
  element;
  #client;
  #room;
  #told;
  #t;
  #onBack;
  #announce;
  #head;
  #strip;
  #log;
  #composer;
  #draft;
  #foot = el("div", { class: "foot" });
  #marks;
  #keyboard = new Keyboard();
  #catalogue;
  #older = null;                // "loading" | "failed" | null
  #readLine = null;             // {after, until}: what had been read, and what there was, when the room was entered
  #lostAt = null;
  #failed = new Set();          // client_ids that were announced as failed
  #offs = [];
  #ticks;
  #looks;
  #tickedFor = null;            // the room's state when the time was last drawn
  #shown = false;
  #hasBeenFocused = false;
  #firstOfLog = null;

  constructor({ client, room, partner, onBack, t, announce }) {
    this.#client = client;
    this.#room = room;
    this.#told = partner ?? { nickname: "" };
    this.#t = t;
    this.#onBack = onBack;
    this.#announce = announce;
    this.#catalogue = new Catalogue(client);
    this.#draft = draftOf(room.id);
    this.#head = new Head({ t, onBack, onReport: () => this.#guard(reportPartner), onBlock: () => this.#guard(blockPartner), onLeave: () => this.#leaveRoom() });
    this.#strip = new Strip({ t, onButton: (name) => this.#useStrip(name) });
    this.#log = new Log({ t, parts: this.#logParts() });
    this.#composer = new Composer({ t, draft: this.#draft, onSend: (text) => this.#say(text), onTyping: () => room.typing() });
    this.#marks = new ReadMarks({ room, log: this.#log });
    this.#foot.append(this.#log.jump, this.#composer.element);
    this.element = el("section", { class: "room", "aria-labelledby": "room-name" },
      this.#head.element, this.#head.menu.element, this.#strip.element, this.#head.lamps, this.#log.element, this.#foot,
    );
    this.#draw();
  }

  // ── coming and going ──

  /** The room is on the page now. `focus: false` where it stands beside the main page and nobody asked for it. */
  enter({ focus = true } = {}) {
    if (focus && !this.#hasBeenFocused) setTimeout(() => this.#focus());     // once it is on the page
    this.#hasBeenFocused = focus;
    if (this.#shown) return;
    this.#shown = true;
    this.#readLine = null;
    this.#offs = [this.#room.on("change", () => this.#roomChanged()), this.#client.on("status", () => this.#statusChanged())];
    this.#log.start();
    this.#marks.start();
    this.#client.shows(this.#room.id);
    this.#keyboard.start();
    this.#statusChanged();
    this.#tick();
    this.#load();
    this.#loadNames();
    this.#log.goToEnd();
  }

  leave() {
    if (!this.#shown) return;
    this.#shown = false;
    this.#hasBeenFocused = false;
    for (const off of this.#offs) off();
    clearTimeout(this.#ticks);
    clearTimeout(this.#looks);
    this.#strip.stop();
    this.#log.stop();
    this.#marks.stop();
    this.#client.shows(null);
    this.#keyboard.stop();
  }

  #focus() {
    const writes = matchMedia("(pointer: fine)").matches && this.#room.state !== ROOM.CLOSED;
    if (writes) this.#composer.focus();
    else this.#head.focusName();
  }

  // ── loading ──

  async #load() {
    try {
      await this.#room.load();
      this.#redrawAbout();
    } catch {
      // The socket may know it; what is missing is said by the line on top of the log.
    }
    await this.#loadOlder();
  }

  async #loadOlder() {
    if (this.#older === "loading") return;
    if (this.#room.firstSeq !== null && !this.#room.hasOlder) return;
    this.#older = "loading";
    this.#draw();
    try {
      await this.#room.older();
      this.#older = null;
    } catch {
      this.#older = "failed";
    }
    this.#draw();
  }

  async #loadNames() {
    try {
      await this.#catalogue.load();
    } catch {
      return;                   // names and starters are missing, the talk is not
    }
    this.#redrawAbout();
  }

  #redrawAbout() {
    this.#log.redrawAbout();
    this.#draw();
  }

  // ── drawing ──

  get #partner() {
    return { ...this.#told, ...this.#room.partner };
  }

  #draw() {
    const room = this.#room;
    const partner = this.#partner;
    this.#head.draw({ room, partner, now: this.#client.now() });
    this.#composer.address(partner.nickname);
    this.#drawFoot();
    this.#noteReadLine();
    const about = { lostForMs: this.#lostForMs(), nowMs: Date.now() };
    const rows = rowsOf(room, { older: this.#older, readLine: this.#readLine, ...about });
    const prepended = room.firstSeq !== this.#firstOfLog;
    this.#firstOfLog = room.firstSeq;
    this.#log.draw(rows, { room, prepended });
    this.#announceFailures();
    this.#lookAgain(nextLookMs(room, about));
  }

  // Fixed as soon as it is known, and it stays until leaving.
  #noteReadLine() {
    const room = this.#room;
    if (this.#readLine !== null || room.lastSeq === null || !this.#shown) return;
    this.#readLine = { after: room.myReadSeq, until: room.lastSeq };
  }

  #drawFoot() {
    const ended = this.#room.state === ROOM.CLOSED;
    if (ended === this.#foot.classList.contains("ended")) return;
    this.#foot.classList.toggle("ended", ended);
    const leftByThem = this.#room.closedReason === "left" && this.#room.closedBy === this.#room.partner?.id;
    const content = ended ? endedFoot({ t: this.#t, leftByThem, draft: this.#composer.text, onBack: this.#onBack }) : this.#composer.element;
    const hadFocus = this.#foot.contains(document.activeElement);
    this.#foot.replaceChildren(this.#log.jump, content);
    if (hadFocus) this.#head.focusName();
  }

  #announceFailures() {
    for (const { clientId, state, failure } of this.#room.messages) {
      if (state !== "failed") this.#failed.delete(clientId);
      else if (!this.#failed.has(clientId)) {
        this.#failed.add(clientId);
        if (failure !== "room_closed") this.#announce(this.#t("talk.failed"));
      }
    }
  }

  #roomChanged() {
    this.#draw();
    if (this.#room.state === this.#tickedFor) return;
    this.#tick();
  }

  #lookAgain(afterMs) {
    clearTimeout(this.#looks);
    if (afterMs !== null && this.#shown) this.#looks = setTimeout(() => this.#draw(), afterMs);
  }

  #lostForMs() {
    return this.#lostAt === null ? 0 : Date.now() - this.#lostAt;
  }

  #statusChanged() {
    const { status } = this.#client;
    const lost = status.name !== STATUS.ONLINE && status.name !== STATUS.SLOW;
    if (!lost) this.#lostAt = null;
    else if (status.name === STATUS.OFFLINE) this.#lostAt = 0;       // the device itself says so: no need to wait a second
    else this.#lostAt ??= Date.now();
    this.#strip.setStatus(status);
    this.#draw();
  }

  // ── time ──

  #tick() {
    clearTimeout(this.#ticks);
    const { closesAt, state } = this.#room;
    const leftMs = closesAt ? closesAt - this.#client.now() : Infinity;
    const open = state === ROOM.OPEN;
    this.#tickedFor = state;
    this.#strip.setSoon(open && leftMs <= SOON_MS ? clockTime(closesAt) : null);
    this.#head.draw({ room: this.#room, partner: this.#partner, now: this.#client.now() });
    if (!open && closesAt) return;
    if (leftMs > 0) this.#ticks = setTimeout(() => this.#tick(), Math.min(closesAt ? untilNextMinuteMs(leftMs) : 1000, LONGEST_TIMER_MS));
    else this.#ticks = setTimeout(() => this.#askWhetherClosed(), Math.random() * AFTER_CLOSING_MS);
  }

  // The server closes rooms, not the clock of a device.
  async #askWhetherClosed() {
    try {
      await this.#room.load();
    } catch {
      // it will tell over the socket
    }
    if (this.#shown && this.#room.state === ROOM.OPEN) this.#ticks = setTimeout(() => this.#askWhetherClosed(), 6 * AFTER_CLOSING_MS);
  }

  // ── what a member does ──

  #say(text) {
    this.#room.send(text);
    this.#log.goToEnd();
  }

  #logParts() {
    return {
      partner: () => this.#partner,
      catalogue: () => (this.#catalogue.isLoaded ? this.#catalogue : null),
      pickStarter: (text) => this.#composer.fill(text),
      olderAgain: () => this.#loadOlder(),
      onNearTop: () => { if (this.#shown && this.#older === null && this.#room.hasOlder) this.#loadOlder(); },
      onSeen: () => this.#marks.look(),
      deeds: {
        retry: (clientId) => { this.#room.retry(clientId); this.#composer.focus(); },
        discard: (clientId) => { this.#room.discard(clientId); this.#composer.focus(); },
        copy: (text) => this.#copy(text),
      },
    };
  }

  async #copy(text) {
    await navigator.clipboard.writeText(text);
    this.#announce(this.#t("talk.copied"));
  }

  #useStrip(name) {
    if (name === STATUS.REPLACED) this.#client.connect();
    else location.reload();
  }

  /** `step` is a dialog of safety.js: back to the main page when the room has closed by it. */
  async #guard(step) {
    try {
      const closes = await step({ client: this.#client, room: this.#room, nickname: this.#partner.nickname, t: this.#t });
      if (closes) this.#onBack();
    } catch {
      await this.#sayFailed("safety.failed", "safety.close");
    }
  }

  async #sayFailed(heading, button) {
    await ask({ heading: this.#t(heading), actions: [{ label: this.#t(button), value: "", safe: true }] });
  }

  async #leaveRoom() {
    const minutes = Math.max(1, Math.floor((this.#room.closesAt - this.#client.now()) / 60_000));
    const left = minutes < 60 ? this.#t("talk.leave-minutes", { minutes }) : this.#t("talk.leave-hours", { hours: Math.floor(minutes / 60) });
    const answer = await ask({
      heading: this.#t("talk.leave-ask"),
      body: el("p", { class: "dim" }, left),
      actions: [{ label: this.#t("talk.stay"), value: "", safe: true }, { label: this.#t("talk.leave-now"), value: "leave", style: "danger" }],
    });
    if (answer !== "leave") return;
    try {
      await this.#room.leave();
    } catch {
      await this.#sayFailed("talk.leave-failed", "talk.stay");
      return;
    }
    this.#onBack();
  }
}

/** Not yet sent, of one room, in this tab; kept through a reload. A browser may refuse storage: then it is not. */
function draftOf(room) {
  const key = `damso.draft.room.${room}`;
  const trying = (action) => {
    try {
      return action();
    } catch {
      return null;
    }
  };
  return {
    read: () => trying(() => sessionStorage.getItem(key)) ?? "",
    keep: (text) => trying(() => sessionStorage.setItem(key, text)),
    drop: () => trying(() => sessionStorage.removeItem(key)),
  };
}
