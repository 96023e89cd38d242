// The main page and, beside or over it, the room. It asks GET /main, draws where the member stands, counts down by one timer,
// and follows what the socket tells. From 960 px both are seen; below, the route decides which.

import { PUSH } from "../../client/index.js";
import { el, present } from "../dom.js";
import { whyNot } from "../push-words.js";
import { light, lightUp } from "../scene.js";
import { SITUATION, entryIsClosed, situationOf } from "../situation.js";
import { t } from "../strings.js";
import { untilNextTick } from "../time.js";
import { setPageTitle, setUnread } from "../title.js";
import * as cards from "./cards.js";
import { hero, loadingHero, words } from "./hero.js";
import { localRunBar } from "./local-run.js";
import { noticeLine } from "./notices.js";
import { RoomSlot } from "./room-slot.js";

const PATIENCE_MS = 10_000;              // then an error page instead of shapes
const EVERYBODY_AT_ONCE_MS = 5_000;      // everybody's clock strikes ten: the question is spread over this
const AFTER_THE_STROKE_MS = 1_000;
const RARELY_MS = 60_000;
const STALE_AFTER_MS = 60_000;
const NOT_TOLD = new Set([PUSH.DEFAULT, PUSH.OFF]);
const BEFORE_THE_LAMPS = { lit: "mine", lamps: 0 };

export class MainPage {
  title = "";
  #app;
  #main = null;                          // the last answer of GET /main
  #situation = null;
  #drawnAs = "";
  #asked = 0;
  #loadedAt = 0;
  #timer = null;
  #patience = null;
  #route = { name: "main" };
  #failedSwitch = false;
  #whyNoPush = null;
  #celebrating = false;
  #isLocal = false;
  #localStep = null;                     // what came of the last one
  #offs = [];
  #left = false;
  #slot;

  /** `app`: {client, catalogue, router, base, localRun, announce, fail(error)}; `localRun` resolves to true on a laptop. */
  constructor(app) {
    this.#app = app;
    this.home = el("section", { class: "home", "aria-label": t("main.label") });
    this.element = el("main", { id: "main", class: "app", tabindex: "-1", data: { view: "main", phase: "loading" } }, this.home);
    this.#slot = new RoomSlot({ app, element: this.element, onBack: () => this.#backToMain(), onKnown: () => this.#placeRoom() });
    this.#drawLoading();
    this.#listen();
    this.#load();
    this.#askWhetherLocal();
  }

  accepts({ name }) {
    return name === "main" || name === "room" || name === "sign-in";
  }

  show(route) {
    const wasInRoom = this.#route.name === "room";
    this.#route = route;
    this.#placeRoom();
    if (wasInRoom && route.name !== "room") this.focus();
  }

  /** Back from the room: the button it was opened by. Else the heading. */
  focus() {
    const opener = this.home.querySelector("#to-room");
    if (opener?.checkVisibility()) return opener.focus();
    if (this.element.dataset.view === "room") return;      // the room takes the focus itself
    const heading = this.home.querySelector("h1");
    heading?.setAttribute("tabindex", "-1");
    heading?.focus({ preventScroll: true });
  }

  leave() {
    this.#left = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#patience);
    for (const off of this.#offs) off();
    this.#slot.leave();
  }

  // ── what it hears

  #listen() {
    const { client } = this.#app;
    const wide = matchMedia("(min-width: 960px)");
    const place = () => this.#placeRoom();
    const seen = () => this.#refreshIfStale();
    wide.addEventListener("change", place);
    document.addEventListener("visibilitychange", seen);
    addEventListener("online", seen);
    this.#offs = [
      () => wide.removeEventListener("change", place),
      () => document.removeEventListener("visibilitychange", seen),
      () => removeEventListener("online", seen),
      client.on("ready", (ready) => this.#onReady(ready)),
      client.on("room.opened", () => this.#load({ celebrate: true })),
      client.on("room.closed", () => this.#load()),
      client.on("message", (message) => this.#onMessage(message)),
      client.on("read", (mark) => this.#onRead(mark)),
      client.on("presence", (presence) => this.#onPresence(presence)),
      client.on("push", () => { if (this.#main) this.#draw(); }),
    ];
  }

  /** The socket is (again) up: what it missed may have been a room. */
  #onReady({ rooms = [] } = {}) {
    if (!this.#main) return;
    const ours = this.#main.room?.state === "open" ? this.#main.room.id : null;
    const open = rooms.find(({ state }) => state === "open")?.room ?? null;
    if (open !== ours) this.#load();
  }

  #onMessage(message) {
    const room = this.#main?.room;
    if (room?.id !== message.room || message.seq <= room.last_seq) return;
    room.last_seq = message.seq;
    room.last_message = message;
    if (!message.mine) room.unread += 1;
    this.#draw();
  }

  #onRead({ room: id, member, seq }) {
    const room = this.#main?.room;
    if (room?.id !== id || member !== this.#app.client.auth.member?.id) return;
    if (seq >= room.last_seq) room.unread = 0;
    this.#draw();
  }

  #onPresence({ member, online }) {
    const room = this.#main?.room;
    if (!room || member === this.#app.client.auth.member?.id) return;
    room.partner.online = online;
    this.#draw();
  }

  // ── GET /main

  #refreshIfStale() {
    if (document.visibilityState !== "visible" || !this.#main) return;
    if (Date.now() - this.#loadedAt > STALE_AFTER_MS) this.#load();
    else this.#tick();
  }

  async #load({ celebrate = false } = {}) {
    const question = (this.#asked += 1);
    const main = await this.#ask();
    if (this.#left || main === null || question !== this.#asked) return;      // a newer question will say more
    clearTimeout(this.#patience);
    const opened = celebrate && this.#route.name === "main" && this.#main?.phase !== "matched" && main.phase === "matched";
    this.#main = main;
    this.#loadedAt = Date.now();
    this.#draw({ dark: opened });
    this.#placeRoom();
    if (opened) this.#celebrate();
  }

  /** The answer of GET /main, or null when there was none. What was drawn before stays: an old countdown is better than an error page. */
  async #ask() {
    const { client, catalogue } = this.#app;
    try {
      const [main] = await Promise.all([client.api.get("/main"), catalogue.load()]);
      return main;
    } catch (error) {
      if (!this.#left && this.#main) this.#tick();
      else if (!this.#left) this.#fail(error);
      return null;
    }
  }

  #fail(error) {
    clearTimeout(this.#patience);
    this.#app.fail(error);
  }

  async #askWhetherLocal() {
    this.#isLocal = await this.#app.localRun;
    document.documentElement.toggleAttribute("data-ops", this.#isLocal);
    if (this.#isLocal && this.#main && !this.#left) this.#draw();
  }

  #afterLocalStep(said) {
    this.#localStep = said;
    this.#app.announce(said);
    this.#load({ celebrate: true });
  }

  async #setActive(active) {
    const { client } = this.#app;
    this.#failedSwitch = false;
    try {
      client.auth.setMember(await client.api.put("/members/me/active", { active }));
    } catch {
      this.#failedSwitch = true;
    }
    await this.#load();
  }

  async #turnPushOn() {
    const { client, announce } = this.#app;
    this.#whyNoPush = null;
    try {
      await client.push.turnOn();
      if (client.push.state === PUSH.ON) announce(t("push.turned-on"));
    } catch (error) {
      this.#whyNoPush = whyNot(error);
    }
    if (!this.#left) this.#draw();
  }

  // ── drawing

  #drawLoading() {
    const { client } = this.#app;
    this.home.append(loadingHero(client.now()), el("div", { class: "home-body" }, cards.loadingCard()));
    this.#slot.showNobody(null);
    this.#patience = setTimeout(() => this.#fail(null), PATIENCE_MS);
  }

  /** `dark`: before the lamps come on. */
  #draw({ dark = false } = {}) {
    if (this.#celebrating) return;
    const { base, client } = this.#app;
    const now = client.now();
    this.#situation = situationOf(this.#main, now);
    this.#drawnAs = this.#situation.name;
    this.element.dataset.phase = this.#situation.name;
    this.#keepingFocus(() => this.home.replaceChildren(...present([
      hero(this.#main, dark ? { ...this.#situation, ...BEFORE_THE_LAMPS } : this.#situation, now),
      el("div", { class: "home-body" }, this.#cards(now)),
      this.#isLocal && localRunBar(base, { said: this.#localStep, onDone: (said) => this.#afterLocalStep(said) }),
    ])));
    setUnread(this.#main.room?.state === "open" ? this.#main.room.unread : 0);
    this.#schedule();
  }

  /** What is drawn anew gives the focus to what stands in its place. */
  #keepingFocus(draw) {
    const focused = this.home.contains(document.activeElement) ? document.activeElement : null;
    draw();
    if (focused === null || focused.isConnected) return;
    const heir = this.home.querySelector(focused.id ? `#${focused.id}` : "h1");
    if (heir?.matches("h1")) heir.setAttribute("tabindex", "-1");
    heir?.focus({ preventScroll: true });
  }

  #cards(now) {
    const main = this.#main;
    const { catalogue, client } = this.#app;
    const { name } = this.#situation;
    const { member } = client.auth;
    const notice = noticeLine(main.notices, { onRead: () => this.#draw() });
    const tonight = () => cards.tonightCard(main, this.#situation, now);
    const me = () => member?.profile && cards.meCard(member.profile, { catalogue, editable: name !== SITUATION.ENTRY_CLOSED });
    const pushCard = () => cards.pushCard({
      nickname: main.room.partner.nickname, showsText: member?.push_text, whyNot: this.#whyNoPush, onTurnOn: () => this.#turnPushOn(),
    });
    const takePart = () => !entryIsClosed(main, now) && cards.takePartCard(main, now, {
      onChange: (active) => this.#setActive(active), failed: this.#failedSwitch,
    });
    switch (name) {
      case SITUATION.ONBOARDING:
        return [cards.onboardingCard(member), cards.finishBefore(main, now), notice];
      case SITUATION.MATCHED:
        return [cards.partnerCard({ room: main.room, catalogue }), notice, NOT_TOLD.has(client.push.state) && pushCard()];
      case SITUATION.CLOSED:
        return [cards.pastCard({ room: main.room, now }), notice, tonight(), takePart()];
      case SITUATION.INACTIVE:
        return [cards.restingCards(main, { onLightOn: () => this.#setActive(true), failed: this.#failedSwitch }),
          main.room && cards.pastCard({ room: main.room, now }), notice];
      case SITUATION.WAITING:
        return [notice, tonight(), me(), takePart()];
      default:
        return [notice, tonight(), me()];
    }
  }

  /** Ten o'clock. What happens meanwhile is drawn when it is over. */
  async #celebrate() {
    this.home.querySelector(".match").classList.add("coming");
    this.#celebrating = true;
    await lightUp(this.home.querySelector(".scene"));
    this.#celebrating = false;
    if (this.#left) return;
    this.#draw();
    this.home.querySelector(".match")?.classList.add("rise");
    this.#app.announce(t("main.room-open"));
  }

  // ── the clock

  #schedule() {
    clearTimeout(this.#timer);
    const { msLeft } = this.#situation;
    if (msLeft > 0) this.#timer = setTimeout(() => this.#tick(), untilNextTick(msLeft));
    else this.#timer = setTimeout(() => this.#load({ celebrate: true }), this.#untilAskedAgain());
  }

  /** The time has come; the longer nothing happens, the rarer the question. */
  #untilAskedAgain() {
    const late = this.#app.client.now() - new Date(this.#main.counts_down_to);
    const within = Math.min(RARELY_MS, Math.max(EVERYBODY_AT_ONCE_MS, late));
    return AFTER_THE_STROKE_MS + Math.random() * within;
  }

  /** Only what time changes, unless time has changed where the member stands. */
  #tick() {
    if (this.#celebrating) return;
    const now = this.#app.client.now();
    this.#situation = situationOf(this.#main, now);
    if (this.#situation.name !== this.#drawnAs) return this.#draw();
    const { sky, lit, lamps } = this.#situation;
    const picture = this.home.querySelector(".hero");
    picture.dataset.sky = sky;
    light(picture.querySelector(".scene"), { lit, lamps });
    const text = picture.querySelector(".hero-text");
    this.#keepingFocus(() => text.replaceChildren(...words(this.#main, this.#situation, now)));
    this.#schedule();
  }

  // ── the room

  #placeRoom() {
    this.title = this.#slot.place({ route: this.#route, main: this.#main });
    this.element.dataset.view = this.#route.name === "room" && this.#slot.hasRoom ? "room" : "main";
    setPageTitle(this.title);
  }

  /** Where the room stands beside the main page one is there already. */
  #backToMain() {
    if (this.#route.name !== "room") this.focus();
    else if (this.#app.router.canGoBack) history.back();
    else this.#app.router.go("#/", { replace: true });
  }
}
