// damso-client: what any frontend of Damso needs. Plain ES modules, nothing to build, nothing to install.
//
//   const client = createClient({ language: () => "ko" });
//   if (await client.auth.restore()) client.connect();
//   client.on("message", ({ room, text }) => …);

import { Api } from "./api.js";
import { Auth, SIGNED_OUT } from "./auth.js";
import { Clock } from "./clock.js";
import { Emitter } from "./emitter.js";
import { Http } from "./http.js";
import { Monitor } from "./monitor.js";
import { Notifications } from "./notifications.js";
import { entriesOf, openOutbox } from "./outbox.js";
import { Push } from "./push.js";
import { Rooms } from "./rooms.js";

export { SIGNED_OUT } from "./auth.js";
export { ApiError, NetworkError } from "./http.js";
export { STATUS } from "./monitor.js";
export { LIMITS } from "./protocol.js";
export { PUSH } from "./push.js";
export { ROOM } from "./room.js";
export { MESSAGE, WAITS_FOR } from "./sending.js";

/** `worker`: the address of the service worker (sw.js); without one nothing is pushed to this browser. */
export function createClient({ base = "", language = () => "ko", worker = null } = {}) {
  return new Client({ base, language, worker });
}

class Client {
  auth;
  api;
  push;
  #events = new Emitter();
  #clock = new Clock();
  #monitor;
  #notifications;
  #rooms;
  #outbox = lazily(openOutbox);
  #catalogues = new Map();
  #language;

  constructor({ base, language, worker }) {
    this.#language = language;
    const http = new Http({
      base,
      language,
      onServerTime: (time) => this.#clock.observe(time),
      onSuspended: (until) => this.auth.forget(SIGNED_OUT.SUSPENDED, until),
    });
    this.auth = new Auth({ http, onNobody: () => this.#nobody(), onSignedOut: (how) => this.#signedOut(how) });
    this.api = new Api({ http, auth: this.auth });
    this.push = new Push({
      worker, api: this.api, me: () => this.auth.member?.id, onChange: (state) => this.#events.emit("push", state),
    });
    this.#notifications = new Notifications({ onOpen: (room) => this.#events.emit("notification", { room }) });
    this.#monitor = new Monitor({
      url: socketUrl(base),
      auth: this.auth,
      api: this.api,
      listener: {
        identity: (token) => ({ token, resume: this.#rooms.resume() }),
        onReady: (frame) => this.#ready(frame),
        onFrame: (frame) => this.#hear(frame),
        onStatus: (status) => this.#events.emit("status", status),
        onMaySend: () => this.#rooms.flush(),
        onLost: () => this.#rooms.connectionLost(),
      },
    });
    this.#rooms = new Rooms({
      api: this.api,
      me: () => this.auth.member?.id,
      line: this.#monitor,
      outbox: this.#outbox,
      emit: (name, payload) => this.#events.emit(name, payload),
    });
  }

  /**
   * "status" {name, retryAt?} · "ready" (the frame) · "room.opened" (the frame) · "room.closed" {room, reason, by} ·
   * "message" (a MESSAGE, and `mine`; each once, in room order) · "read" {room, member, seq} · "presence" {member, online,
   * last_seen} · "typing" {room, typing} · "push" (a PUSH) · "notification" {room} that was clicked, null if about none ·
   * "signed-out" {reason, until}
   */
  on(name, handler) {
    return this.#events.on(name, handler);
  }

  get status() {
    return this.#monitor.status;
  }

  /** The moment by the server's clock. */
  now() {
    return this.#clock.now();
  }

  room(id) {
    return this.#rooms.get(id);
  }

  /** Of a room that stands before the member's eyes, null for none, nothing has to be notified. */
  shows(room) {
    this.#notifications.shows(room);
  }

  /** Also takes the place back after "replaced". Messages written before a reload go out with the first connection. */
  connect() {
    this.#restoreOutbox();
    this.#monitor.start();
    this.push.start();
  }

  disconnect() {
    this.#monitor.stop();
  }

  /** CATALOGUE in the member's language, asked for once per language. */
  catalogue() {
    const language = this.#language();
    if (!this.#catalogues.has(language)) {
      const asked = this.api.get("/catalogue");
      this.#catalogues.set(language, asked);
      asked.catch(() => this.#catalogues.delete(language));
    }
    return this.#catalogues.get(language);
  }

  async #restoreOutbox() {
    const member = this.auth.member?.id;
    if (member === undefined) return;
    const entries = await entriesOf(this.#outbox, member);
    if (this.auth.member?.id === member) this.#rooms.restore(entries);
  }

  #ready(frame) {
    this.#clock.observe(frame.server_time);
    this.#rooms.onReady(frame);
    this.push.start();
    this.#events.emit("ready", frame);
  }

  #hear(frame) {
    if (frame.server_time) this.#clock.observe(frame.server_time);
    this.#rooms.onFrame(frame);
  }

  #nobody() {
    this.push.forget();
    this.#notifications.takeAwayAll();
  }

  // Who signs out here leaves nothing behind. Who was signed out from elsewhere finds what they wrote when they are back;
  // the outbox drops it if somebody else signs in.
  async #signedOut(how) {
    this.disconnect();
    this.#rooms.forget();
    if (how.reason === SIGNED_OUT.SELF) {
      sessionStorage.clear();
      await this.#outbox.clear();
    }
    this.#events.emit("signed-out", how);
  }
}

function socketUrl(base) {
  const url = new URL("/ws/v1/", base || location.origin);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

// Opened with the first use. A full disk costs the message its life after a reload, not its sending.
function lazily(open) {
  let opened = null;
  const outbox = () => (opened ??= open());
  return {
    all: async () => (await outbox()).all(),
    put: async (entry) => (await outbox()).put(entry).catch((error) => console.warn("damso: the outbox could not be written", error.name)),
    remove: async (clientId) => (await outbox()).remove(clientId),
    clear: async () => (await outbox()).clear(),
  };
}
