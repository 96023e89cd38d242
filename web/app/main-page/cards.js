// The cards below the picture, one function a card. They draw what they are given and call back; the page decides.

import { moodIcon } from "../catalogue.js";
import { el, icon } from "../dom.js";
import { aboutLine, face, infoLine, keywordChips } from "../person.js";
import { dayTime, nightWord } from "../phrases.js";
import { SITUATION, entryIsClosed } from "../situation.js";
import { t } from "../strings.js";
import { clockTime, DAY_MS } from "../time.js";

const BADGE_MAX = 99;

export function loadingCard() {
  const bones = [1, 2, 3, 4].map(() => el("span", { class: "bone" }));
  return el("section", { class: "card bones", "aria-busy": "true", "aria-label": t("loading") }, bones);
}

export function onboardingCard({ onboarding }) {
  const meDone = onboarding !== "profile";
  const step = (key, state) => el("li", { class: state },
    el("b", {}, t(key), state === "done" && el("span", { class: "vh" }, ` ${t("main.done")}`)), el("small", {}, t(`${key}-what`)));
  return el("section", { class: "card", "aria-labelledby": "todo" },
    el("h2", { id: "todo" }, t("main.two-steps")),
    el("ol", { class: "steps plain" }, step("main.step-me", meDone ? "done" : "now"), step("main.step-wish", meDone ? "now" : null)),
    el("a", { class: "btn wide", id: "go-on", href: meDone ? "#/wish" : "#/me" }, t(meDone ? "main.go-on" : "main.begin")));
}

/** Said only while it is true. */
export function finishBefore(main, now) {
  const closes = new Date(main.round.entry_closes_at);
  if (now >= closes || closes - now > DAY_MS) return null;
  return el("p", { class: "faint center" }, t("main.finish-before", { time: clockTime(closes), night: nightWord(now, closes) }));
}

export function partnerCard({ room, catalogue }) {
  const { partner } = room;
  return el("section", { class: "card match", "aria-label": t("main.partner") },
    el("div", { class: "who-line" },
      face(partner.nickname, { size: "l", online: partner.online }),
      el("div", { class: "grow" }, el("h2", {}, partner.nickname), el("p", { class: "dim" }, aboutLine(catalogue, partner))),
      partner.online && el("span", { class: "vh" }, t("main.online"))),
    keywordChips(catalogue, partner.keywords),
    partner.mood && el("p", { class: "wish" }, icon(moodIcon(partner.mood), { small: true }), t("main.wish", { mood: catalogue.mood(partner.mood) })),
    lastMessage(room),
    el("a", { class: "btn wide to-room", id: "to-room", href: `#/room/${room.id}` }, t("main.enter")));
}

function lastMessage({ last_message: message, unread }) {
  if (!message?.text) return null;
  const sent = new Date(message.sent_at);
  return el("div", { class: unread ? "last" : "last past" },
    el("p", {}, message.text),
    el("div", { class: "side" }, el("time", { datetime: message.sent_at }, clockTime(sent)), unread > 0 && badge(unread)));
}

function badge(unread) {
  return el("span", { class: "badge" }, el("span", { class: "vh" }, `${t("main.unread")} `), unread > BADGE_MAX ? `${BADGE_MAX}+` : String(unread));
}

/** For whom this browser tells nothing yet. */
export function pushCard({ nickname, showsText, whyNot, onTurnOn }) {
  return el("section", { class: "card push", "aria-label": t("settings.notifications") },
    el("div", { class: "row" },
      icon("bell"),
      el("p", { class: "grow dim" }, t(showsText ? "push.partner" : "push.partner-no-text", { nickname })),
      el("button", {
        class: "btn soft small", id: "push-on", type: "button", "aria-label": t("push.turn-on-label"), on: { click: onTurnOn },
      }, t("push.turn-on"))),
    whyNot && el("p", { class: "err", role: "alert" }, whyNot));
}

export function pastCard({ room, now }) {
  const { partner } = room;
  const count = Math.max(0, room.last_seq - 1);        // the last entry of a closed room says that it closed
  const night = nightWord(now, new Date(Math.min(now, new Date(room.opens_at))));      // a laptop opens tomorrow's today
  return el("section", { class: "card stack", "aria-label": t("main.past") },
    el("div", { class: "who-line" },
      face(partner.nickname, { away: true }),
      el("div", { class: "grow" },
        el("h2", {}, partner.nickname),
        el("p", { class: "dim" }, t(count ? "main.past-count" : "main.past-none", { night, count }))),
      el("span", { class: "tag quiet" }, t("main.read-only"))),
    room.last_message?.text && el("div", { class: "last past" }, el("p", {}, room.last_message.text)),
    el("a", { class: "btn wide soft to-room", id: "to-room", href: `#/room/${room.id}` }, t("main.read-again")),
    el("p", { class: "faint" }, t("main.read-until")));
}

export function restingCards(main, { onLightOn, failed }) {
  const button = el("button", { class: "btn wide", id: "light-on", type: "button", on: { click: onLightOn } },
    icon("lamp"), el("span", {}, t("main.light-on")));
  const card = el("section", { class: "card stack" },
    el("p", { class: "dim" }, t("main.resting")),
    button,
    failed && el("p", { class: "err", role: "alert" }, t("main.not-changed")),
    el("p", { class: "faint" }, t("main.light-on-when", { time: clockTime(new Date(main.round.entry_closes_at)) })));
  return [card, main.inactive_reason === "ghost" && infoLine("moon", t("main.ghost"))];
}

/** The three times of the night the page counts down to. */
export function tonightCard(main, situation, now) {
  const { entry_closes_at, opens_at, closes_at } = main.round;
  const [entry, opens, closes] = [entry_closes_at, opens_at, closes_at].map((time) => new Date(time));
  const isIn = entryIsClosed(main, now);
  const step = (state, time, key, small) => el("li", { class: state }, el("time", {}, time), el("b", {}, t(key)), small && el("small", {}, t(small)));
  const night = nightWord(now, opens);
  return el("section", { class: "card", "aria-labelledby": "tonight" },
    el("h2", { id: "tonight" }, night[0].toUpperCase() + night.slice(1)),
    el("ol", { class: "steps" },
      isIn
        ? step("done", clockTime(entry), "main.entry-closed")
        : step("now", clockTime(entry), "main.entry-closes", situation.name === SITUATION.CLOSED ? null : "main.until-then"),
      step(isIn ? "now" : null, clockTime(opens), "main.opens"),
      step(null, dayTime(now, closes), "main.closes")));
}

export function meCard(profile, { catalogue, editable }) {
  return el("section", { class: "card me", "aria-labelledby": "me" },
    el("div", { class: "row" },
      el("h2", { id: "me", class: "grow" }, t("main.how-they-see-you")),
      editable && el("a", { class: "btn soft small", id: "edit-me", href: "#/me" }, t("edit"))),
    el("div", { class: "who-line" },
      face(profile.nickname, { mine: true }),
      el("div", {}, el("b", {}, profile.nickname), el("span", { class: "dim" }, aboutLine(catalogue, profile)))),
    keywordChips(catalogue, profile.keywords));
}

export function takePartCard(main, now, { onChange, failed }) {
  const entry = new Date(main.round.entry_closes_at);
  const night = nightWord(now, new Date(main.round.opens_at));
  const box = el("input", { type: "checkbox", role: "switch", id: "take-part", checked: main.active, on: { change: () => onChange(box.checked) } });
  return el("section", { class: "card" },
    el("label", { class: "switch" },
      el("b", {}, t("main.take-part", { night })), el("span", {}, t("main.change-until", { time: clockTime(entry) })), box),
    failed && el("p", { class: "err", role: "alert" }, t("main.not-changed")));
}
