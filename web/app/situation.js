// Where the member stands: a pure function of the answer of GET /main and the time. Everything the main page draws follows it.

import { BOTH, lampsInARoom, lampsWhileWaiting } from "./scene.js";
import { daysFrom, skyAt } from "./time.js";

export const SITUATION = Object.freeze({
  ONBOARDING: "onboarding",
  WAITING: "waiting",
  ENTRY_CLOSED: "entry-closed",      // tonight's pairing has begun: nothing to change any more
  UNPAIRED: "unpaired",              // tonight left this member without a partner
  INACTIVE: "inactive",
  MATCHED: "matched",
  CLOSED: "closed",
});

/** {name, sky, lit, lamps, msLeft}: `msLeft` until what the page counts down to. */
export function situationOf(main, now) {
  const name = nameOf(main, now);
  const msLeft = Math.max(0, new Date(main.counts_down_to) - now);
  return { name, sky: skyAt(now), msLeft, ...lights(name, main, msLeft) };
}

/** Between the close of entry and ten o'clock: tonight's list stands. */
export function entryIsClosed(main, now) {
  return now >= new Date(main.round.entry_closes_at) && now < new Date(main.round.opens_at);
}

function nameOf(main, now) {
  if (main.phase !== "waiting") return main.phase;
  if (entryIsClosed(main, now)) return SITUATION.ENTRY_CLOSED;
  return unpairedTonight(main, now) ? SITUATION.UNPAIRED : SITUATION.WAITING;
}

function unpairedTonight(main, now) {
  const last = main.last_round;
  return last?.outcome === "unpaired" && daysFrom(now, new Date(`${last.date}T12:00:00+09:00`)) >= 0;
}

function lights(name, main, msLeft) {
  switch (name) {
    case SITUATION.MATCHED:
      return { lit: BOTH, lamps: lampsInARoom(msLeft, new Date(main.room.closes_at) - new Date(main.room.opens_at)) };
    case SITUATION.WAITING:
    case SITUATION.ENTRY_CLOSED:
    case SITUATION.UNPAIRED:
    case SITUATION.CLOSED:
      return { lit: "mine", lamps: lampsWhileWaiting(msLeft) };
    default:
      return { lit: "", lamps: 0 };
  }
}
