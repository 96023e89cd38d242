// The way in. What went wrong before stands above the button, in words; pressing again is always the way on.

import { el, icon } from "../dom.js";
import { BOTH, LAMPS } from "../scene.js";
import { language, t } from "../strings.js";
import { door } from "./door.js";
import { kakaoButton, setBusy } from "./kakao-button.js";

export const SIGN_IN = Object.freeze({
  PLAIN: "plain",
  BUSY: "busy",                // back from Kakao, the code is being exchanged
  DENIED: "denied",
  EXPIRED: "expired",
  ELSEWHERE: "elsewhere",
  NO_ANSWER: "no-answer",
});

const FACTS = [["moon", "sign-in.fact-opens"], ["clock", "sign-in.fact-closes"], ["lock", "sign-in.fact-private"]];
const REFUSALS = new Set([SIGN_IN.DENIED, SIGN_IN.EXPIRED, SIGN_IN.NO_ANSWER]);

export function signInPage({ state, start, switchLanguage }) {
  const said = el("div", {}, above(state));
  const button = kakaoButton({ start, onFailure: () => said.replaceChildren(above(SIGN_IN.NO_ANSWER)) });
  if (state === SIGN_IN.BUSY) setBusy(button, true);
  const element = door({
    heading: t("sign-in.head"), lede: t("sign-in.lede"), lit: BOTH, lamps: LAMPS,
    top: el("nav", { class: "lang", "aria-label": "언어 Language" }, languageButton(switchLanguage)),
    foot: [said, button],
  });
  return { element, title: t("sign-in.title") };
}

function above(state) {
  if (REFUSALS.has(state)) return el("div", { class: "say", role: "alert" }, icon("alert"), el("p", {}, t(`sign-in.${state}`)));
  if (state === SIGN_IN.ELSEWHERE) {
    return el("div", { class: "say info", role: "status" }, icon("laptop"), el("p", {}, t("sign-in.elsewhere")));
  }
  return el("ul", { class: "facts" }, FACTS.map(([name, key]) => el("li", {}, icon(name), el("span", {}, t(key)))));
}

function languageButton(switchLanguage) {
  const other = language() === "ko" ? "en" : "ko";
  return el("button", { type: "button", lang: other, on: { click: () => switchLanguage(other) } },
    icon("globe", { small: true }), t("sign-in.other-language"));
}
