// Days in words, by Seoul's calendar like every time of the client.

import { language } from "../strings.js";
import { inSeoul } from "../time.js";

const ZONE = "Asia/Seoul";

/** 2026년 11월 24일 화요일 · Tuesday, 24 November 2026 */
export function calendarDay(date) {
  if (language() === "ko") return new Intl.DateTimeFormat("ko-KR", { timeZone: ZONE, dateStyle: "full" }).format(date);
  const weekday = new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, weekday: "long" }).format(date);
  const day = new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, day: "numeric", month: "long", year: "numeric" }).format(date);
  return `${weekday}, ${day}`;
}

/** 2026-11-24, for the machine. */
export function dayIn(date) {
  const { year, month, day } = inSeoul(date);
  return [year, String(month).padStart(2, "0"), String(day).padStart(2, "0")].join("-");
}
