// The picture and the words over it: where tonight stands, in one look. Drawn anew every minute, every second at the end.

import { el, icon } from "../dom.js";
import { countdownParts, countdownText, dayWord, halfWord, hourPhrase, nightWord } from "../phrases.js";
import { scene, wordmark } from "../scene.js";
import { SITUATION } from "../situation.js";
import { t } from "../strings.js";
import { clockTime, daysFrom, skyAt } from "../time.js";

/** Before the first answer of GET /main: shapes, no words. */
export function loadingHero(now) {
  const text = el("div", { class: "hero-text" },
    el("h1", { class: "vh" }, t("damso")), el("span", { class: "bone eyebrow" }), el("span", { class: "bone title" }));
  return frame({ sky: skyAt(now), text, picture: scene() });
}

export function hero(main, situation, now) {
  const { sky, lit, lamps } = situation;
  return frame({ sky, text: el("div", { class: "hero-text" }, words(main, situation, now)), picture: scene({ lit, lamps }) });
}

/** The words alone, for the tick of the clock. */
export function words(main, situation, now) {
  const opens = new Date(main.round.opens_at);
  const { msLeft } = situation;
  switch (situation.name) {
    case SITUATION.ONBOARDING: {
      const tonight = now < new Date(main.round.entry_closes_at) && daysFrom(now, opens) === 0;
      return [eyebrow(t("main.hello")), title(t(tonight ? "main.introduce" : "main.introduce-late"))];
    }
    case SITUATION.WAITING:
      return [eyebrow(until(now, opens)), count(msLeft), sub(t("main.then-you-meet"))];
    case SITUATION.ENTRY_CLOSED:
      return [eyebrow(until(now, opens)), count(msLeft),
        el("p", { class: "sub ready" }, el("span", { class: "spin", "aria-hidden": "true" }), el("span", {}, t("main.looking")))];
    case SITUATION.UNPAIRED:
      return [eyebrow(t("main.unpaired")), title(t("main.tomorrow")),
        el("p", { class: "sub num after-title" }, t("main.next-night", { time: countdownText(msLeft) }))];
    case SITUATION.INACTIVE:
      return [eyebrow(t("main.sitting-out")), title(t("main.light-off"))];
    case SITUATION.MATCHED:
      return [eyebrow(openWords(main, now)), count(msLeft), sub(t("main.left-to-talk"))];
    case SITUATION.CLOSED:
      return [eyebrow(t("main.next-person")), count(msLeft), sub(closedWords(main))];
    default:
      throw new Error(`no such situation: ${situation.name}`);
  }
}

function frame({ sky, text, picture }) {
  const me = el("a", { class: "icon-btn", id: "to-settings", href: "#/settings", "aria-label": t("main.me-and-settings") }, icon("person"));
  return el("div", { class: "hero", data: { sky } }, el("div", { class: "topbar" }, wordmark(), me), text, picture);
}

function until(now, opens) {
  return t("main.until", { day: dayWord(now, opens), night: nightWord(now, opens), hour: hourPhrase(opens) });
}

function openWords(main, now) {
  const closes = new Date(main.room.closes_at);
  if (daysFrom(now, closes) !== 0) return t("main.room-open");
  return t("main.open-until", { hour: hourPhrase(closes), half: halfWord(closes) });
}

function closedWords(main) {
  const early = main.room.closed_reason === "left";
  return early ? t("main.room-ended") : t("main.room-closed-at", { time: clockTime(new Date(main.room.closes_at)) });
}

function eyebrow(text) {
  return el("p", { class: "eyebrow" }, text);
}

function title(text) {
  return el("h1", {}, text);
}

function sub(text) {
  return el("p", { class: "sub" }, text);
}

function count(ms) {
  const parts = countdownParts(ms).map(([number, unit]) => [el("span", {}, number), el("small", {}, unit), " "]);
  return el("h1", { class: "count" }, parts);
}
