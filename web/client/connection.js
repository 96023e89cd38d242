// One WebSocket, from opening to its end: greet, identify, keep the heart beating, say once how it ended. It never comes
// back: that is the monitor's business.

import { FRAMES, SUBPROTOCOL } from "./protocol.js";

const READY_WITHIN_MS = 10_000;
const PROBE_MS = 5_000;
const LOST = 1006;              // what a browser reports when nobody said goodbye (RFC 6455, 7.4.1)

const STATES = Object.freeze({ OPENING: "opening", GREETED: "greeted", READY: "ready", CLOSED: "closed" });

export class Connection {
  #socket;
  #identity;
  #onReady;
  #onFrame;
  #onClose;
  #state = STATES.OPENING;
  #heartbeatMs = 0;
  #pings = 0;
  #heardAt = Date.now();
  #deadline;
  #heart;
  #probe;

  /** `identity()` gives {token, resume} when the server greets; `onClose({code, reason})` is called exactly once. */
  constructor({ url, identity, onReady, onFrame, onClose }) {
    this.#identity = identity;
    this.#onReady = onReady;
    this.#onFrame = onFrame;
    this.#onClose = onClose;
    this.#deadline = setTimeout(() => this.#end({ code: LOST, reason: "not ready in time" }), READY_WITHIN_MS);
    this.#socket = new WebSocket(url, SUBPROTOCOL);
    this.#socket.addEventListener("message", (event) => this.#hear(event.data));
    this.#socket.addEventListener("close", (event) => this.#end(event));
  }

  get ready() {
    return this.#state === STATES.READY;
  }

  send(frame) {
    this.#socket.send(JSON.stringify(frame));
  }

  /** After a sleep the socket may be dead without knowing: ask, and believe it only if something comes back. */
  probe() {
    if (!this.ready || this.#probe) return;
    this.#ping();
    this.#probe = setTimeout(() => this.#end({ code: LOST, reason: "silent after waking" }), PROBE_MS);
  }

  close() {
    this.#end({ code: 1000, reason: "" });
  }

  #hear(text) {
    if (this.#state === STATES.CLOSED) return;
    this.#heardAt = Date.now();
    clearTimeout(this.#probe);
    this.#probe = undefined;
    const frame = JSON.parse(text);
    if (frame.type === FRAMES.HELLO) this.#greeted(frame);
    else if (frame.type === FRAMES.READY) this.#isReady(frame);
    else this.#onFrame(frame);
  }

  #greeted(hello) {
    this.#state = STATES.GREETED;
    this.#heartbeatMs = hello.heartbeat_ms;
    this.#onFrame(hello);
    this.send({ type: FRAMES.IDENTIFY, ...this.#identity() });
  }

  #isReady(ready) {
    this.#state = STATES.READY;
    clearTimeout(this.#deadline);
    this.#beatAfter(Math.random() * this.#heartbeatMs);    // the first at random: clients of one restart must not beat in step
    this.#onReady(ready);
  }

  #beatAfter(delayMs) {
    this.#heart = setTimeout(() => {
      if (Date.now() - this.#heardAt > 2 * this.#heartbeatMs) {
        this.#end({ code: LOST, reason: "silent for two heartbeats" });
        return;
      }
      this.#ping();
      this.#beatAfter(this.#heartbeatMs);
    }, delayMs);
  }

  #ping() {
    this.#pings += 1;
    this.send({ type: FRAMES.PING, n: this.#pings });
  }

  #end({ code, reason }) {
    if (this.#state === STATES.CLOSED) return;
    this.#state = STATES.CLOSED;
    clearTimeout(this.#deadline);
    clearTimeout(this.#heart);
    clearTimeout(this.#probe);
    this.#socket.close();
    this.#onClose({ code, reason });
  }
}
