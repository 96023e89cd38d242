// Keeps one connection alive: decides when to open the next one, and says how things stand. What a close code asks for is
// the table AFTER_CLOSE; everything without a row there comes back with a full-jitter delay or, from 4500 up, does not.

import { ApiError } from "./http.js";
import { Backoff } from "./backoff.js";
import { Connection } from "./connection.js";
import { CLOSE, FRAMES } from "./protocol.js";

export const STATUS = Object.freeze({
  CONNECTING: "connecting",       // the first time, or after disconnect()
  ONLINE: "online",
  RECONNECTING: "reconnecting",
  OFFLINE: "offline",             // the device says it has no network
  MOVING: "moving",               // the server asked us to take another seat
  BUSY: "busy",                   // the server asked us to come later; retryAt
  SLOW: "slow",                   // we said too much; retryAt
  REPLACED: "replaced",           // newer connections of this member took the place; connect() takes it back
  STUCK: "stuck",                 // our own fault: only a reload helps
});

const STABLE_AFTER_MS = 5_000;
const FLOODED_PAUSE_MS = 30_000;
const BUSY_DEFAULT_MS = 10_000;
const HOLD_MS = 2_000;            // before a move nothing new is sent: its ack might come too late, and it be sent twice

const AFTER_CLOSE = {
  4003: (monitor, reason) => monitor.comeBackAt(STATUS.BUSY, delayIn(reason)),
  4501: (monitor) => monitor.renewToken(),
  4503: (monitor) => monitor.askWhoIAm(),
  4508: (monitor) => monitor.comeBackWhenSeen(),
  4509: (monitor) => monitor.stay(STATUS.REPLACED),
  4529: (monitor) => monitor.comeBackAt(STATUS.SLOW, FLOODED_PAUSE_MS),
};

export class Monitor {
  status = { name: STATUS.CONNECTING };
  #url;
  #auth;
  #api;
  #listener;
  #connection = null;
  #backoff = new Backoff();
  #wanted = false;
  #opening = false;
  #holding = false;     // about to move
  #retry;               // the timer of the next try; while it runs, waking may hurry it
  #mayHurry = false;
  #hold;
  #moving;              // the timer of a move the server asked for
  #movesAt = 0;
  #stable;
  #slow;
  #slowUntil = 0;
  #tokenRefused = false;
  #identifyMissed = false;
  #waitsToBeSeen = false;

  /** `listener` has identity(token), onReady(frame), onFrame(frame), onStatus(status), onMaySend(), onLost(). */
  constructor({ url, auth, api, listener }) {
    this.#url = url;
    this.#auth = auth;
    this.#api = api;
    this.#listener = listener;
  }

  start() {
    if (!this.#wanted) this.#listen(true);
    this.#wanted = true;
    this.#backoff.reset();
    if (this.#connection || this.#opening) return;
    this.#say(STATUS.CONNECTING);
    this.#open();
  }

  stop() {
    if (this.#wanted) this.#listen(false);
    this.#wanted = false;
    clearTimeout(this.#retry);
    clearTimeout(this.#slow);
    this.#drop();
    this.#say(STATUS.CONNECTING);
  }

  get online() {
    return this.#connection?.ready ?? false;
  }

  /** Messages may go out now: not when about to move, nor while the server asked us to slow down. */
  get maySend() {
    return this.online && !this.#holding && Date.now() >= this.#slowUntil;
  }

  /** False when there is no connection to send it on. */
  send(frame) {
    if (!this.online) return false;
    this.#connection.send(frame);
    return true;
  }

  /** The server refused a message for its pace: no message of any room goes out before `delayMs` have passed. */
  slowDown(delayMs) {
    this.#slowUntil = Date.now() + delayMs;
    this.#say(STATUS.SLOW, this.#slowUntil);
    clearTimeout(this.#slow);
    this.#slow = setTimeout(() => {
      if (this.status.name === STATUS.SLOW && this.online) this.#say(STATUS.ONLINE);
      if (this.maySend) this.#listener.onMaySend();
    }, delayMs);
  }

  // ── opening ──

  async #open() {
    clearTimeout(this.#retry);
    this.#mayHurry = false;
    this.#opening = true;
    const token = await this.#freshToken();
    this.#opening = false;
    if (!this.#wanted || token === null) return;
    const connection = new Connection({
      url: this.#url,
      identity: () => this.#listener.identity(token),
      onReady: (frame) => this.#isReady(frame),
      onFrame: (frame) => this.#hear(frame),
      onClose: (end) => { if (this.#connection === connection) this.#closed(end); },
    });
    this.#connection = connection;
  }

  /** Null when there is none to be had: then the next try is already planned, or nobody is signed in. */
  async #freshToken() {
    try {
      return await this.#auth.token();
    } catch (error) {
      const refused = error instanceof ApiError && (error.status === 401 || error.status === 403);
      if (this.#wanted && !refused) this.#comeBackAfter((error.retryAfter ?? 0) * 1000 + this.#backoff.nextMs());
      return null;
    }
  }

  #isReady(frame) {
    this.#tokenRefused = false;
    this.#identifyMissed = false;
    clearTimeout(this.#stable);
    this.#stable = setTimeout(() => this.#backoff.reset(), STABLE_AFTER_MS);
    if (Date.now() < this.#slowUntil) this.#say(STATUS.SLOW, this.#slowUntil);
    else this.#say(STATUS.ONLINE);
    this.#listener.onReady(frame);
    if (this.maySend) this.#listener.onMaySend();
  }

  #hear(frame) {
    if (frame.type === FRAMES.RECONNECT) this.#moveAfter(frame.after_ms);
    else this.#listener.onFrame(frame);
  }

  // ── moving to another server process ──

  /** It may take minutes until our turn comes: until shortly before, everything goes on. A later word takes its place. */
  #moveAfter(afterMs) {
    this.#endMove();
    this.#movesAt = Date.now() + afterMs;
    this.#holding = afterMs <= HOLD_MS;
    this.#hold = setTimeout(() => { this.#holding = true; }, afterMs - HOLD_MS);
    this.#moving = setTimeout(() => {
      this.#drop();
      this.#say(STATUS.MOVING);
      this.#open();
    }, afterMs);
  }

  #endMove() {
    this.#holding = false;
    clearTimeout(this.#hold);
    clearTimeout(this.#moving);
    this.#moving = undefined;
  }

  // ── the end of a connection ──

  #closed({ code, reason }) {
    const moves = this.#moving !== undefined;
    this.#lost();
    const next = AFTER_CLOSE[code];
    if (next) next(this, reason);
    else if (!comesBack(code)) this.#stuck(code);
    else if (moves) this.#moveEarly();
    else this.#comeBackAfter(this.#backoff.nextMs());
  }

  /** It closed before our turn. The pace it set still spreads who comes back, but nobody stays away for minutes. */
  #moveEarly() {
    this.comeBackAt(STATUS.MOVING, Math.min(Math.max(0, this.#movesAt - Date.now()), this.#backoff.nextMs()));
  }

  #lost() {
    this.#endMove();
    this.#connection = null;
    clearTimeout(this.#stable);
    this.#listener.onLost();
  }

  #drop() {
    const connection = this.#connection;
    if (!connection) return;
    this.#lost();
    connection.close();
  }

  #comeBackAfter(delayMs) {
    if (!this.#wanted) return;
    this.#sayTrying();
    this.#mayHurry = true;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#open(), delayMs);
  }

  comeBackAt(status, delayMs) {
    this.#say(status, Date.now() + delayMs);
    this.#retry = setTimeout(() => this.#open(), delayMs);
  }

  stay(status) {
    this.#say(status);
  }

  #stuck(code) {
    console.error(`damso: the server closed the connection with ${code} ${CLOSE[code]?.name ?? ""}`);
    this.stay(STATUS.STUCK);
  }

  async renewToken() {
    const again = this.#tokenRefused;
    this.#tokenRefused = true;
    try {
      await this.#auth.refresh();
    } catch (error) {
      if (error instanceof ApiError && error.status < 500 && error.status !== 429) return;   // signed out; auth has said so
      this.#comeBackAfter(this.#backoff.nextMs());
      return;
    }
    if (again) this.#comeBackAfter(this.#backoff.nextMs());   // even a new one was refused: do not spin
    else this.#open();
  }

  /** Suspended or signed out elsewhere: asking the API makes it say which, and whoever listens to auth hears it. */
  async askWhoIAm() {
    try {
      await this.#api.get("/members/me");
    } catch (error) {
      if (error instanceof ApiError && (error.status === 401 || error.code === "suspended")) return;
    }
    if (this.#wanted) this.#comeBackAfter(this.#backoff.nextMs());
  }

  comeBackWhenSeen() {
    if (this.#identifyMissed) {
      this.#stuck(4508);
      return;
    }
    this.#identifyMissed = true;
    if (document.visibilityState === "visible") this.#open();
    else this.#waitsToBeSeen = true;
  }

  // ── the device wakes up or goes offline ──

  #listen(on) {
    const change = on ? "addEventListener" : "removeEventListener";
    window[change]("online", this.#wake);
    window[change]("pageshow", this.#wake);
    window[change]("offline", this.#offline);
    document[change]("visibilitychange", this.#seen);
  }

  #seen = () => {
    if (document.visibilityState === "visible") this.#wake();
  };

  #wake = () => {
    this.#connection?.probe();
    const seenAgain = this.#waitsToBeSeen && document.visibilityState === "visible";
    if (seenAgain) this.#waitsToBeSeen = false;
    if (this.#opening || !(this.#mayHurry || seenAgain)) return;
    if (this.#mayHurry) this.#sayTrying();
    this.#open();
  };

  // The tries go on while offline, at the backoff's pace: some systems say "offline" with a working way to this server.
  #offline = () => {
    const waiting = this.#mayHurry;
    if (!this.#connection && !waiting) return;
    this.#drop();
    this.#comeBackAfter(this.#backoff.nextMs());
  };

  #sayTrying() {
    this.#say(navigator.onLine ? STATUS.RECONNECTING : STATUS.OFFLINE);
  }

  #say(name, retryAt) {
    if (this.status.name === name && this.status.retryAt === retryAt) return;
    this.status = retryAt === undefined ? { name } : { name, retryAt };
    this.#listener.onStatus(this.status);
  }
}

function comesBack(code) {
  return CLOSE[code]?.reconnect ?? (code < 4500 || code > 4999);
}

/** The admission control's delay stands in the close reason, in milliseconds. Without one nobody may come in step. */
function delayIn(reason) {
  const digits = /\d+/.exec(reason);
  return digits ? Number(digits[0]) : (0.5 + Math.random()) * BUSY_DEFAULT_MS;
}
