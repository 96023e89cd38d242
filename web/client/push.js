// Whether this browser is told of what happens while no window is open. It belongs to whoever is signed in: with them it
// comes and goes, so that a shared campus PC stays silent.

import { base64url } from "./base64url.js";

const KIND = "webpush";
const REFUSED = 400;

export const PUSH = Object.freeze({
  NOT_OFFERED: "not-offered",     // the service sends none, or has not been asked yet
  UNSUPPORTED: "unsupported",     // this browser can't; on iOS one that was not opened from the home screen
  DEFAULT: "default",             // the member has not been asked yet
  DENIED: "denied",               // only the browser's own settings undo it
  OFF: "off",
  ON: "on",
});

export class Push {
  state = PUSH.NOT_OFFERED;
  #worker;
  #api;
  #me;
  #onChange;
  #key = null;
  #startedFor = null;             // the member for whom everything is said
  #last = Promise.resolve();

  /** `worker`: where the service worker lies; without one there is no push. `me()` is the id of who is signed in. */
  constructor({ worker, api, me, onChange }) {
    this.#worker = worker;
    this.#api = api;
    this.#me = me;
    this.#onChange = onChange;
  }

  /**
   * Asks the member, if the browser has not yet, and has this browser told from now on. To be called in their click: asked
   * for later a browser shows nothing. Throws what the browser or the service had against it; a "no" of the member is a state.
   */
  turnOn() {
    const answer = Notification.requestPermission();
    return this.#inOrder(async () => {
      try {
        if (await answer === "granted") await this.#subscribe();
      } finally {
        await this.#look();
      }
    });
  }

  turnOff() {
    return this.#inOrder(async () => {
      const subscription = await subscribed();
      await subscription?.unsubscribe();
      // Silent it is already. A service that does not hear of this hears it from the browser's push service, with the next push.
      if (subscription) await this.#api.delete("/devices", { body: deviceOf(subscription) }).catch(() => {});
      await this.#look();
    });
  }

  /**
   * Somebody is signed in. A browser that is on says that it is still there, or what it is called now. What could not be
   * said is said with the next call.
   */
  start() {
    return this.#inOrder(() => this.#start().catch((error) => console.warn("damso: no push this time", error.name)));
  }

  /** Nobody is signed in: the service forgets a device with its session, and the browser does here. */
  forget() {
    return this.#inOrder(async () => {
      this.#key = null;
      this.#startedFor = null;
      await (await subscribed())?.unsubscribe();
      await this.#look();
    });
  }

  async #start() {
    const member = this.#me();
    if (member === undefined || member === this.#startedFor) return;
    const { web_push_key: key } = await this.#api.get("/devices");
    if (this.#me() !== member) return;
    this.#key = key ?? null;
    try {
      if (await this.#now() === PUSH.ON) await this.#subscribe();
      this.#startedFor = member;
    } finally {
      await this.#look();
    }
  }

  /** There is one subscription of a browser; a new one takes the place of what another key could use. */
  async #subscribe() {
    await navigator.serviceWorker.register(this.#worker, { updateViaCache: "none" });
    const { pushManager } = await navigator.serviceWorker.ready;
    const old = await pushManager.getSubscription();
    if (old && keyOf(old) !== this.#key) await old.unsubscribe();
    const subscription = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: this.#key });
    await this.#tell(subscription);
  }

  /** What the service refuses would be on for nobody. Without an answer it stays: the next start tells it again. */
  async #tell(subscription) {
    try {
      await this.#api.post("/devices", deviceOf(subscription));
    } catch (error) {
      if (error.status === REFUSED) await subscription.unsubscribe();
      throw error;
    }
  }

  async #look() {
    const state = await this.#now();
    if (state === this.state) return;
    this.state = state;
    this.#onChange(state);
  }

  async #now() {
    if (this.#key === null) return PUSH.NOT_OFFERED;
    if (!this.#worker || !canPush()) return PUSH.UNSUPPORTED;
    if (Notification.permission !== "granted") return Notification.permission === "denied" ? PUSH.DENIED : PUSH.DEFAULT;
    return await subscribed() ? PUSH.ON : PUSH.OFF;
  }

  /** One thing after the other: a sign-out during a start must find what the start has made. */
  #inOrder(action) {
    const done = this.#last.then(action);
    this.#last = done.catch(() => {});
    return done;
  }
}

function canPush() {
  return "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
}

async function subscribed() {
  if (!canPush()) return null;
  const registration = await navigator.serviceWorker.getRegistration();
  return (await registration?.pushManager.getSubscription()) ?? null;
}

function deviceOf(subscription) {
  return { kind: KIND, value: subscription.toJSON() };
}

function keyOf({ options }) {
  return base64url(new Uint8Array(options.applicationServerKey));
}
