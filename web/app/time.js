// The service lives by Seoul's clock, wherever the device is. Pure functions: a Date in, words or numbers out.

import { language } from "./strings.js";

const ZONE = "Asia/Seoul";
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
const SECONDS_SHOWN_BELOW_MS = 10 * MINUTE_MS;
const JUST_AFTER_MS = 20;      // a timer may fire a little early

const numbers = new Intl.DateTimeFormat("en-US", {
  timeZone: ZONE, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric",
});

/** {year, month, day, hour, minute} in Seoul. */
export function inSeoul(date) {
  return Object.fromEntries(numbers.formatToParts(date).filter((part) => part.type !== "literal").map((part) => [part.type, Number(part.value)]));
}

/** 0 today, 1 tomorrow, -1 yesterday, by Seoul's calendar. */
export function daysFrom(now, date) {
  return Math.round((midnight(date) - midnight(now)) / DAY_MS);
}

/** 오후 9:00 · 9:00 PM */
export function clockTime(date) {
  const locale = language() === "ko" ? "ko-KR" : "en-US";
  return new Intl.DateTimeFormat(locale, { timeZone: ZONE, hour: "numeric", minute: "2-digit", hour12: true }).format(date);
}

/** 8:00, for places where another word already says the half of the day. */
export function shortTime(date) {
  const { hour, minute } = inSeoul(date);
  return `${hour % 12 || 12}:${String(minute).padStart(2, "0")}`;
}

/** 11월 24일 · 24 November */
export function monthDay(date) {
  const locale = language() === "ko" ? "ko-KR" : "en-GB";
  return new Intl.DateTimeFormat(locale, { timeZone: ZONE, month: "long", day: "numeric" }).format(date);
}

/** dawn 5–8, day 8–17, dusk 17–21, night 21–5 */
export function skyAt(date) {
  const { hour } = inSeoul(date);
  if (hour >= 5 && hour < 8) return "dawn";
  if (hour >= 8 && hour < 17) return "day";
  if (hour >= 17 && hour < 21) return "dusk";
  return "night";
}

/** What a countdown shows: {hours, minutes} or, in the last ten minutes, {minutes, seconds}. */
export function countdown(ms) {
  if (ms < SECONDS_SHOWN_BELOW_MS) {
    const seconds = Math.max(0, Math.ceil(ms / 1000));
    return { minutes: Math.floor(seconds / 60), seconds: seconds % 60 };
  }
  const minutes = Math.floor(ms / MINUTE_MS);
  return { hours: Math.floor(minutes / 60), minutes: minutes % 60 };
}

/** How long until a countdown that shows `ms` shows something else. */
export function untilNextTick(ms) {
  const step = ms < SECONDS_SHOWN_BELOW_MS ? 1000 : MINUTE_MS;
  return (ms % step) + JUST_AFTER_MS;
}

function midnight(date) {
  const { year, month, day } = inSeoul(date);
  return Date.UTC(year, month - 1, day);
}
