// Two houses under Seoul's sky. Your window is lit when you take part, the other one when you have met somebody; twelve lamps
// hang between them. Nobody has to read it: the text beside it says the same.

import { fromTemplate } from "./dom.js";

export const LAMPS = 12;
export const BOTH = "mine theirs";
const HOUR_MS = 3_600_000;
const LAMP_AFTER_LAMP_MS = 60;
const WINDOW_MS = 900;

/** The picture; `lit`: which windows ("", "mine", "theirs", both), `lamps`: how many, from the left. */
export function scene({ lit = "", lamps = 0 } = {}) {
  const svg = fromTemplate("scene");
  light(svg, { lit, lamps });
  return svg;
}

export function light(svg, { lit, lamps }) {
  svg.dataset.lit = lit;
  svg.querySelectorAll(".lamp").forEach((lamp, n) => lamp.classList.toggle("lit", n < lamps));
}

export function wordmark() {
  const mark = document.createElement("span");
  mark.className = "mark";
  mark.append(fromTemplate("wordmark"));
  return mark;
}

/** While waiting one lamp comes on with each of the last twelve hours. */
export function lampsWhileWaiting(msLeft) {
  return Math.max(0, LAMPS - Math.ceil(msLeft / HOUR_MS));
}

/** In a room they go out as its time passes. */
export function lampsInARoom(msLeft, msInAll) {
  return Math.min(LAMPS, Math.max(0, Math.ceil((msLeft / msInAll) * LAMPS)));
}

/** Ten o'clock: the lamps come on from left to right, then their window; resolves when it is lit. */
export async function lightUp(svg) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
    light(svg, { lit: BOTH, lamps: LAMPS });
    return;
  }
  for (let n = 0; n <= LAMPS; n += 1) {
    light(svg, { lit: "mine", lamps: n });
    await pause(LAMP_AFTER_LAMP_MS);
  }
  light(svg, { lit: BOTH, lamps: LAMPS });
  await pause(WINDOW_MS);
}

function pause(ms) {
  return new Promise((resolve) => { setTimeout(resolve, ms); });
}
