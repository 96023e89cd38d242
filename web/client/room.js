// One room as this device knows it: a window [firstSeq, lastSeq] of its log without a hole, what is still on its way out,
// and how far either side has read. Nothing beyond a gap is ever shown: it is held until the gap has been filled.

import { Emitter } from "./emitter.js";
import { FRAMES, LIMITS } from "./protocol.js";
import { MESSAGE, Outgoing } from "./sending.js";

export const ROOM = Object.freeze({ OPEN: "open", CLOSED: "closed" });

const PAGE = 50;
const SYNC_WITHIN_MS = 10_000;

export class Room {
  id;
  state = null;             // ROOM.OPEN | ROOM.CLOSED; null until somebody told us
  closedReason = null;
  closedBy = null;          // the member who left, where known
  opensAt = null;
  closesAt = null;
  partner = null;
  partnerTyping = false;
  myReadSeq = 0;
  partnerReadSeq = 0;
  firstSeq = null;          // the window is empty while firstSeq = lastSeq + 1
  lastSeq = null;
  #api;
  #me;
  #line;
  #outbox;
  #emit;
  #changes = new Emitter();
  #stored = [];
  #held = new Map();        // seq → entry, beyond a gap
  #syncTimer;
  #outgoing;
  #loadingOlder = null;
  #beginsHere = false;      // what was said before is not kept any more
  #typingSentAt = 0;
  #typingTimer;

  /** `me()` is the signed-in member's id; `emit(name, payload)` tells the whole client. */
  constructor({ id, api, me, line, outbox, emit }) {
    this.id = id;
    this.#api = api;
    this.#me = me;
    this.#line = line;
    this.#outbox = outbox;
    this.#emit = emit;
    this.#outgoing = new Outgoing({ room: id, isOpen: () => this.state === ROOM.OPEN, line, outbox, changed: () => this.#changed() });
  }

  on(name, handler) {
    return this.#changes.on(name, handler);
  }

  /** Stored ones by seq, then the unacknowledged in the order of writing. A stored one: {seq, id, kind, sender, clientId,
   *  text, sentAt, mine, state: "stored"}; kind `closed` has {reason, by}. An unacknowledged one: see Outgoing.messages. */
  get messages() {
    const unsent = this.#outgoing.messages.map((message) => ({ ...message, kind: "text", mine: true }));
    return [...this.#stored, ...unsent];
  }

  get hasOlder() {
    return this.firstSeq !== null && this.firstSeq > 1 && !this.#beginsHere;
  }

  // ── what a member does ──

  /** Shown at once, kept until acknowledged. Returns the client_id. `text` is sent as it is: trimmed and NFC by the caller. */
  send(text) {
    const entry = { client_id: crypto.randomUUID(), member: this.#me(), room: this.id, text, made_at: nextMoment() };
    this.#outbox.put(entry);
    this.#outgoing.add({ clientId: entry.client_id, text, madeAt: entry.made_at });
    this.#changed();
    return entry.client_id;
  }

  retry(clientId) {
    this.#outgoing.retry(clientId);
  }

  discard(clientId) {
    this.#outgoing.discard(clientId);
  }

  /** Never downwards. Without a connection it is told when there is one again. */
  markRead(seq) {
    if (seq <= this.myReadSeq) return;
    this.#raiseRead(this.#me(), seq);
    this.#line.send({ type: FRAMES.MESSAGE_READ, room: this.id, seq });
  }

  /** Call it for every input; the pace is kept here. */
  typing() {
    if (Date.now() - this.#typingSentAt < LIMITS.typing_every_ms) return;
    if (this.#line.send({ type: FRAMES.TYPING, room: this.id })) this.#typingSentAt = Date.now();
  }

  /** Closes the room for both. */
  async leave() {
    await this.#api.post(`/rooms/${this.id}/leave`);
  }

  /** The room and its partner in full, over REST. */
  async load() {
    this.apply(await this.#api.get(`/rooms/${this.id}`));
  }

  /** One page more at the top of the window; the same page when asked twice at once. */
  older() {
    this.#loadingOlder ??= this.#older().finally(() => { this.#loadingOlder = null; });
    return this.#loadingOlder;
  }

  async #older() {
    if (this.firstSeq === null) await this.load();
    if (!this.hasOlder) return;
    const page = await this.#api.get(`/rooms/${this.id}/messages`, { query: { before: this.firstSeq, limit: PAGE } });
    const entries = page.results.map((message) => this.#fromWire(message)).reverse();
    for (const entry of entries) if (entry.mine) this.#outgoing.shown(entry.clientId);
    this.#stored = [...entries, ...this.#stored];
    this.firstSeq = entries[0]?.seq ?? this.firstSeq;
    this.#beginsHere = entries.length < PAGE;
    this.#changed();
  }

  // ── what the client hears (rooms.js calls these) ──

  /** A room of `ready`, of `room.opened` or of the API. */
  apply(room) {
    this.opensAt = new Date(room.opens_at);
    this.closesAt = new Date(room.closes_at);
    this.partner = { ...this.partner, ...room.partner };
    this.closedReason = room.closed_reason || this.closedReason;
    this.closedBy ??= room.closed_by ?? null;
    this.partnerReadSeq = Math.max(this.partnerReadSeq, room.partner_read_seq);
    if (room.my_read_seq > this.myReadSeq) this.#raiseRead(this.#me(), room.my_read_seq);
    if (this.lastSeq === null) this.#openWindowAt(room.last_seq);
    if (room.state === ROOM.CLOSED) this.#close();
    else this.state ??= room.state;
    this.flush();
    this.#changed();
  }

  /** After `ready`: what this device knows better than the server. */
  catchUp({ my_read_seq: toldReadSeq }) {
    clearTimeout(this.#syncTimer);
    this.#syncTimer = undefined;
    if (this.myReadSeq > toldReadSeq) this.#line.send({ type: FRAMES.MESSAGE_READ, room: this.id, seq: this.myReadSeq });
  }

  flush() {
    this.#outgoing.flush();
  }

  connectionLost() {
    clearTimeout(this.#syncTimer);
    this.#syncTimer = undefined;
    this.#outgoing.connectionLost();
    this.#showTyping(false);
    this.#changed();
  }

  /** Written before this page was loaded, and never acknowledged. */
  restore({ client_id: clientId, text, made_at: madeAt }) {
    if (this.#outgoing.text(clientId) !== undefined || this.#stored.some((entry) => entry.clientId === clientId)) return;
    this.#outgoing.add({ clientId, text, madeAt });
    if (this.state === ROOM.CLOSED) this.#outgoing.close();
    this.#changed();
  }

  onCreated(frame) {
    const entry = this.#fromWire(frame);
    if (entry.mine) this.#outgoing.acked(entry.clientId);
    else this.#showTyping(false);
    this.#accept(entry);
    this.#changed();
  }

  onAck({ client_id: clientId, seq, id, sent_at: sentAt }) {
    const text = this.#outgoing.text(clientId);
    if (text === undefined) return;         // the echo of a resume or another tab was first
    this.#outgoing.acked(clientId);
    const known = seq <= this.lastSeq;
    if (known) this.#outgoing.shown(clientId);
    else this.#accept(this.#fromWire({ seq, id, kind: "text", sender: this.#me(), client_id: clientId, text, sent_at: sentAt }));
    this.#changed();
  }

  onClosed({ seq, reason, by = null }) {
    this.closedReason = reason;
    this.closedBy = by;
    this.#close();
    // Told again, in answer to our sync, and nothing came between: what was said there is not kept any more.
    if (this.#held.has(seq)) this.lastSeq = seq - 1;
    this.#accept({ seq, kind: "closed", sender: by, by, reason, mine: false, sentAt: null, state: MESSAGE.STORED });
    this.#changed();
  }

  onRead({ member, seq }) {
    this.#raiseRead(member, seq);
    this.#changed();
  }

  onTyping({ member }) {
    if (member === this.#me()) return;
    this.#showTyping(true);
    this.#changed();
  }

  onPresence({ online, last_seen: lastSeen }) {
    this.partner = { ...this.partner, online, last_seen: lastSeen ?? this.partner.last_seen };
    this.#changed();
  }

  /** The server dropped what it had for us from some seq on: ask for everything we have not got. */
  onResync() {
    if (this.lastSeq !== null) this.#sync();
  }

  /** True when the refused message was one of ours. */
  onError(frame) {
    return this.#outgoing.refused(frame);
  }

  // ── the window ──

  #openWindowAt(lastSeq) {
    this.firstSeq = lastSeq + 1;
    this.lastSeq = lastSeq;
    this.#drain();
  }

  #accept(entry) {
    const known = this.lastSeq !== null && entry.seq <= this.lastSeq;
    if (known) return;
    this.#held.set(entry.seq, entry);
    if (this.lastSeq !== null) this.#drain();
  }

  #drain() {
    for (const seq of [...this.#held.keys()].filter((seq) => seq <= this.lastSeq)) this.#held.delete(seq);
    while (this.#held.has(this.lastSeq + 1)) {
      const entry = this.#held.get(this.lastSeq + 1);
      this.#held.delete(entry.seq);
      this.#append(entry);
    }
    if (this.#held.size > 0 && this.#syncTimer === undefined) this.#sync();
    if (this.#held.size === 0) {
      clearTimeout(this.#syncTimer);
      this.#syncTimer = undefined;
    }
  }

  #append(entry) {
    this.lastSeq = entry.seq;
    this.#stored.push(entry);
    if (entry.mine) this.#outgoing.shown(entry.clientId);
    if (entry.kind === "text") this.#emit("message", { ...toWire(this.id, entry), mine: entry.mine });
  }

  #sync() {
    clearTimeout(this.#syncTimer);
    this.#line.send({ type: FRAMES.SYNC, room: this.id, after: this.lastSeq });
    this.#syncTimer = setTimeout(() => {
      this.#syncTimer = undefined;
      if (this.#held.size > 0) this.#sync();
    }, SYNC_WITHIN_MS);
  }

  // ──

  #close() {
    const wasOpen = this.state !== ROOM.CLOSED;
    this.state = ROOM.CLOSED;
    this.#outgoing.close();
    this.#showTyping(false);
    if (wasOpen) this.#emit("room.closed", { room: this.id, reason: this.closedReason, by: this.closedBy });
  }

  #raiseRead(member, seq) {
    const mine = member === this.#me();
    const before = mine ? this.myReadSeq : this.partnerReadSeq;
    if (seq <= before) return;
    if (mine) this.myReadSeq = seq;
    else this.partnerReadSeq = seq;
    this.#emit("read", { room: this.id, member, seq });
  }

  #showTyping(on) {
    clearTimeout(this.#typingTimer);
    const changed = this.partnerTyping !== on;
    this.partnerTyping = on;
    if (on) this.#typingTimer = setTimeout(() => { this.#showTyping(false); this.#changed(); }, LIMITS.typing_shown_ms);
    if (changed) this.#emit("typing", { room: this.id, typing: on });
  }

  #fromWire({ seq, id, kind, sender, client_id: clientId, text, sent_at: sentAt }) {
    const entry = { seq, id, kind, sender, clientId, text, sentAt: new Date(sentAt), mine: sender === this.#me(), state: MESSAGE.STORED };
    return kind === "closed" ? { ...entry, mine: false, by: this.closedBy, reason: this.closedReason } : entry;
  }

  #changed() {
    this.#changes.emit("change", this);
  }
}

function toWire(room, { seq, id, kind, sender, clientId, text, sentAt }) {
  return { room, seq, id, kind, sender, client_id: clientId, text, sent_at: sentAt.toISOString() };
}

// An order even for two messages of one millisecond.
let lastMoment = 0;
function nextMoment() {
  lastMoment = Math.max(Date.now(), lastMoment + 1);
  return lastMoment;
}
