// Time in words: "오늘 밤", "밤 10시", "2시간 41분". Where strings.js has a text and time.js a number, this joins the two.

import { language, t } from "./strings.js";
import { clockTime, countdown, daysFrom, inSeoul, monthDay, shortTime } from "./time.js";

const NIGHTS = { "-1": "night.yesterday", 0: "night.today", 1: "night.tomorrow" };
const DAYS = { 0: "day.today", 1: "day.tomorrow", 2: "day.after" };

/** 오늘 밤 · tonight */
export function nightWord(now, date) {
  return t(NIGHTS[daysFrom(now, date)] ?? "night.past");
}

/** 오늘 · today */
export function dayWord(now, date) {
  const day = DAYS[daysFrom(now, date)];
  return day ? t(day) : monthDay(date);
}

/** 밤 10시 · ten */
export function hourPhrase(date) {
  const { hour, minute } = inSeoul(date);
  const params = { half: halfWord(date), h: hour % 12 || 12, m: minute, clock: clockTime(date) };
  return t(minute === 0 ? "hour" : "hour.minutes", params);
}

/** 저녁 · evening */
export function halfWord(date) {
  const { hour } = inSeoul(date);
  if (hour < 6) return t("half.dawn");
  if (hour < 12) return t("half.morning");
  if (hour < 18) return t("half.afternoon");
  return t(hour < 21 ? "half.evening" : "half.night");
}

/** 내일 8:00 · 8:00 PM */
export function dayTime(now, date) {
  const day = DAYS[daysFrom(now, date)];
  if (!day) return clockTime(date);
  return t("day.time", { day: t(day), short: shortTime(date), clock: clockTime(date) });
}

/** [["2", "시간"], ["41", "분"]] */
export function countdownParts(ms) {
  const { hours, minutes, seconds } = countdown(ms);
  const parts = [];
  if (hours) parts.push([String(hours), t("span.hours")]);
  if (minutes || seconds === undefined) parts.push([String(minutes), t("span.minutes")]);
  if (seconds !== undefined) parts.push([String(seconds), t("span.seconds")]);
  return parts;
}

/** 2시간 41분 · 2 h 41 min */
export function countdownText(ms) {
  const space = language() === "ko" ? "" : " ";
  return countdownParts(ms).map(([number, unit]) => number + space + unit).join(" ");
}
