// Dead ends that say what happened and what to do: nobody at fault, nothing alarming, one button.

import { el } from "../dom.js";
import { t } from "../strings.js";
import { monthDay } from "../time.js";
import { door } from "./door.js";
import { kakaoButton } from "./kakao-button.js";

const RETRY_AFTER_S = 30;

export function notFoundPage() {
  const element = door({
    heading: t("small.not-found"), lede: t("small.not-found-what"),
    foot: el("a", { class: "btn wide", href: "#/" }, t("small.to-main")),
  });
  return { element, title: t("small.not-found").replace("\n", " ") };
}

/** 503: says when it tries again, and does. */
export function unavailablePage({ retryAfter, again }) {
  const seconds = retryAfter ?? RETRY_AFTER_S;
  const timer = setTimeout(again, seconds * 1000);
  const element = door({
    heading: t("small.unavailable"), lede: t("small.unavailable-what", { seconds }), lit: "mine", lamps: 5, foot: tryNow(again),
  });
  return { element, title: t("small.unavailable").replace("\n", " "), leave: () => clearTimeout(timer) };
}

export function brokePage({ requestId, again }) {
  const element = door({
    heading: t("small.broke"), lede: t("small.broke-what"),
    foot: [tryNow(again), requestId && el("p", { class: "legal num" }, t("small.broke-id", { id: requestId }))],
  });
  return { element, title: t("small.broke").replace("\n", " ") };
}

export function offlinePage({ again }) {
  addEventListener("online", again);
  const element = door({ heading: t("small.offline"), lede: t("small.offline-what"), foot: tryNow(again) });
  return { element, title: t("small.offline").replace("\n", " "), leave: () => removeEventListener("online", again) };
}

export function elsewherePage({ start, onFailure }) {
  const element = door({
    heading: t("small.elsewhere"), lede: t("small.elsewhere-what"), lit: "theirs", foot: kakaoButton({ start, onFailure }),
  });
  return { element, title: t("small.elsewhere") };
}

/** `until`: ISO 8601, or null when no end was said. */
export function suspendedPage({ until, toSignIn }) {
  const other = el("button", { class: "btn wide soft", type: "button", on: { click: toSignIn } }, t("small.to-sign-in"));
  const heading = until ? t("small.suspended", { day: monthDay(new Date(until)) }) : t("small.suspended-open");
  const element = door({ heading, lede: t(until ? "small.suspended-what" : "small.suspended-open-what"), foot: other });
  return { element, title: heading.replace("\n", " ") };
}

function tryNow(again) {
  return el("button", { class: "btn wide", type: "button", on: { click: again } }, t("small.try-now"));
}
