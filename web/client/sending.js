// What a member wrote in one room and the server has not acknowledged. First in, first out, one in flight: only so is the
// order of writing the order in the room, whatever has to be sent again. A message keeps its client_id through every try.

import { Backoff } from "./backoff.js";
import { ERRORS, FRAMES } from "./protocol.js";

export const MESSAGE = Object.freeze({ STORED: "stored", SENDING: "sending", WAITING: "waiting", FAILED: "failed" });
export const WAITS_FOR = Object.freeze({ CONNECTION: "connection", PREVIOUS: "previous" });

const ACK_WITHIN_MS = 10_000;
const GIVE_UP_AFTER_MS = 60_000;        // of tries with a connection; time without one does not count
const SLOWER_BY_MS = 3_000;

export class Outgoing {
  #room;
  #isOpen;
  #line;                 // the monitor: maySend, online, send(frame), slowDown(ms)
  #outbox;
  #changed;
  #entries = [];         // {clientId, text, madeAt, state, failure, acked, triedMs, triedSince}
  #backoff = new Backoff();
  #ackTimer;
  #retryTimer;

  constructor({ room, isOpen, line, outbox, changed }) {
    this.#room = room;
    this.#isOpen = isOpen;
    this.#line = line;
    this.#outbox = outbox;
    this.#changed = changed;
  }

  /** Oldest first: {clientId, text, madeAt, state, waitsFor, failure}. */
  get messages() {
    let failedBefore = false;
    return this.#entries.map((entry, place) => {
      const waitsFor = this.#waitsFor(entry, { failedBefore, place });
      failedBefore ||= entry.state === MESSAGE.FAILED;
      return { clientId: entry.clientId, text: entry.text, madeAt: entry.madeAt, state: entry.state, failure: entry.failure, waitsFor };
    });
  }

  #waitsFor(entry, { failedBefore, place }) {
    if (entry.state !== MESSAGE.WAITING) return null;
    if (failedBefore) return WAITS_FOR.PREVIOUS;
    if (!this.#line.online) return WAITS_FOR.CONNECTION;
    return place > 0 ? WAITS_FOR.PREVIOUS : null;
  }

  add({ clientId, text, madeAt }) {
    this.#entries.push({ clientId, text, madeAt, state: MESSAGE.WAITING, failure: null, acked: false, triedMs: 0, triedSince: null });
    this.flush();
  }

  text(clientId) {
    return this.#find(clientId)?.text;
  }

  // ── sending ──

  flush() {
    const head = this.#head();
    const busy = this.#ackTimer !== undefined || this.#retryTimer !== undefined;
    if (!head || busy || head.state === MESSAGE.FAILED || !this.#isOpen() || !this.#line.maySend) return;
    head.state = MESSAGE.SENDING;
    head.triedSince ??= Date.now();
    this.#ackTimer = setTimeout(() => {
      this.#ackTimer = undefined;
      this.#later(head);
    }, ACK_WITHIN_MS);
    this.#line.send({ type: FRAMES.MESSAGE_SEND, room: this.#room, client_id: head.clientId, text: head.text });
  }

  #later(head) {
    if (triedFor(head) > GIVE_UP_AFTER_MS) {
      this.#fail(head, ERRORS.UNAVAILABLE);
      return;
    }
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      this.flush();
    }, this.#backoff.nextMs());
  }

  // ── what the server said ──

  /** Durable on the server, by ack or by its own echo. It stays in sight until the room shows it as stored. */
  acked(clientId) {
    const entry = this.#find(clientId);
    if (!entry || entry.acked) return;
    const wasHead = entry === this.#head();
    entry.acked = true;
    entry.state = MESSAGE.SENDING;
    this.#outbox.remove(clientId);
    if (wasHead) this.#goOn();
  }

  /** The room shows it as stored now. */
  shown(clientId) {
    this.acked(clientId);
    this.#entries = this.#entries.filter((entry) => entry.clientId !== clientId);
  }

  /** True when this room had sent it. */
  refused({ code, ref, retry_after_ms: retryAfterMs }) {
    const entry = this.#find(ref);
    if (!entry || entry.acked) return false;
    this.#stopTimers();
    if (code === ERRORS.RATE_LIMITED) {
      pause(entry);
      this.#line.slowDown(retryAfterMs ?? SLOWER_BY_MS);
    } else if (code === ERRORS.UNAVAILABLE) {
      this.#later(entry);
    } else {
      this.#fail(entry, code);
    }
    this.#changed();
    return true;
  }

  connectionLost() {
    this.#stopTimers();
    for (const entry of this.#entries) if (entry.state === MESSAGE.SENDING && !entry.acked) pause(entry);
  }

  /** The room has ended: nothing here will ever be sent. */
  close() {
    this.#stopTimers();
    for (const entry of this.#entries) {
      if (entry.acked) continue;
      entry.state = MESSAGE.FAILED;
      entry.failure = ERRORS.ROOM_CLOSED;
    }
  }

  // ── what the member decides ──

  retry(clientId) {
    const entry = this.#find(clientId);
    if (entry?.state !== MESSAGE.FAILED || entry.failure === ERRORS.ROOM_CLOSED) return;
    Object.assign(entry, { state: MESSAGE.WAITING, failure: null, triedMs: 0, triedSince: null });
    this.#goOn();
    this.#changed();
  }

  discard(clientId) {
    if (this.#find(clientId)?.state !== MESSAGE.FAILED) return;
    this.#outbox.remove(clientId);
    this.#entries = this.#entries.filter((entry) => entry.clientId !== clientId);
    this.#goOn();
    this.#changed();
  }

  // ──

  #fail(entry, code) {
    entry.state = MESSAGE.FAILED;
    entry.failure = code;
    this.#changed();
  }

  #goOn() {
    this.#stopTimers();
    this.#backoff.reset();
    this.flush();
  }

  #stopTimers() {
    clearTimeout(this.#ackTimer);
    clearTimeout(this.#retryTimer);
    this.#ackTimer = undefined;
    this.#retryTimer = undefined;
  }

  #head() {
    return this.#entries.find((entry) => !entry.acked);
  }

  #find(clientId) {
    return this.#entries.find((entry) => entry.clientId === clientId);
  }
}

function triedFor(entry) {
  return entry.triedMs + (entry.triedSince === null ? 0 : Date.now() - entry.triedSince);
}

function pause(entry) {
  entry.state = MESSAGE.WAITING;
  entry.triedMs = triedFor(entry);
  entry.triedSince = null;
}
