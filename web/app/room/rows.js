// What the log shows, as a list of rows: pure, so that every rule of grouping and marking stands in one place.

import { MESSAGE, WAITS_FOR } from "../../client/index.js";
import { dayIn } from "./words.js";

const SPINNER_AFTER_MS = 600;
const WORDS_AFTER_MS = 1_000;       // a lost connection is silent for a second

export const ROW = Object.freeze({
  OLDER: "older", INTRO: "intro", DAY: "day", OPENED: "opened", STARTERS: "starters", UNREAD: "unread", MESSAGE: "message", CLOSED: "closed", TYPING: "typing",
});

export const LOOK = Object.freeze({ STORED: "stored", FRESH: "fresh", SENDING: "sending", FOR_CONNECTION: "for-connection", FOR_PREVIOUS: "for-previous", FAILED: "failed" });

/**
 * `room` is the client's; `older` is "loading", "failed" or null; `readLine` {after, until}: the line stands after that seq, if what
 * came up to `until` was news;
 * `lostForMs` how long there has been no connection. Every row has a `key` that lives as long as what it shows.
 */
export function rowsOf(room, { older, readLine, lostForMs, nowMs }) {
  const messages = room.messages;
  const rows = [];
  if (older) rows.push({ key: "older", row: ROW.OLDER, state: older });
  if (room.firstSeq === 1) rows.push(...beginning(room, messages));
  let day = room.firstSeq === 1 ? dayIn(room.opensAt) : null;
  const lineAfter = lineHasNews(readLine, messages) ? readLine.after : null;
  for (const message of messages) {
    const at = momentOf(message);
    if (at && dayIn(at) !== day) {
      day = dayIn(at);
      rows.push({ key: `day of ${keyOf(message)}`, row: ROW.DAY, at });
    }
    rows.push(message.kind === "closed" ? closedRow(message) : messageRow(room, { message, lostForMs, nowMs }));
    if (message.seq === lineAfter) rows.push({ key: "unread", row: ROW.UNREAD });
  }
  if (room.partnerTyping) rows.push({ key: "typing", row: ROW.TYPING });
  return rows.map((row, n) => (row.row === ROW.MESSAGE ? grouped(row, { before: rows[n - 1], after: rows[n + 1] }) : row));
}

/** When an unsent message will look different though nothing has happened; null when none will. */
export function nextLookMs(room, { lostForMs, nowMs }) {
  const waits = room.messages
    .filter((message) => message.state === MESSAGE.SENDING || message.state === MESSAGE.WAITING)
    .flatMap((message) => [SPINNER_AFTER_MS, WORDS_AFTER_MS].map((ms) => ms - (nowMs - message.madeAt)).concat(WORDS_AFTER_MS - lostForMs))
    .filter((ms) => ms > 0);
  return waits.length ? Math.min(...waits) + 10 : null;
}

function lineHasNews(readLine, messages) {
  if (readLine === null || readLine.after === 0) return false;
  return messages.some(({ kind, mine, seq }) => kind === "text" && !mine && seq > readLine.after && seq <= readLine.until);
}

function beginning(room, messages) {
  const rows = [
    { key: "intro", row: ROW.INTRO },
    { key: "day of opening", row: ROW.DAY, at: room.opensAt },
    { key: "opened", row: ROW.OPENED },
  ];
  if (messages.length === 0 && room.state !== "closed") rows.push({ key: "starters", row: ROW.STARTERS });
  return rows;
}

function closedRow({ seq, reason, by, sentAt }) {
  return { key: keyOf({ seq }), row: ROW.CLOSED, reason, by, at: sentAt };
}

function messageRow(room, { message, lostForMs, nowMs }) {
  const stored = message.state === MESSAGE.STORED;
  return {
    key: keyOf(message),
    row: ROW.MESSAGE,
    message,
    look: lookOf(message, { lostForMs, nowMs }),
    failure: message.failure ?? null,
    unread: stored && message.mine && message.seq > room.partnerReadSeq,
  };
}

/** One speaker within one minute is a group: the face at its first, the time at the last that has one. */
function grouped(row, { before, after }) {
  const goesOn = oneGroup(row, after) && after.message.state === MESSAGE.STORED;
  const time = row.message.state === MESSAGE.STORED && !goesOn ? row.message.sentAt : null;
  return { ...row, same: oneGroup(before, row), time };
}

function oneGroup(before, after) {
  if (before?.row !== ROW.MESSAGE || after?.row !== ROW.MESSAGE || before.message.mine !== after.message.mine) return false;
  return minuteOf(momentOf(before.message)) === minuteOf(momentOf(after.message));
}

function lookOf(message, { lostForMs, nowMs }) {
  if (message.state === MESSAGE.STORED) return LOOK.STORED;
  if (message.state === MESSAGE.FAILED) return LOOK.FAILED;
  const ageMs = nowMs - message.madeAt;
  if (message.waitsFor === WAITS_FOR.CONNECTION && lostForMs >= WORDS_AFTER_MS) return LOOK.FOR_CONNECTION;
  if (message.waitsFor === WAITS_FOR.PREVIOUS && ageMs >= WORDS_AFTER_MS) return LOOK.FOR_PREVIOUS;
  return ageMs >= SPINNER_AFTER_MS ? LOOK.SENDING : LOOK.FRESH;
}

function momentOf(message) {
  return message.sentAt ?? (message.madeAt === undefined ? null : new Date(message.madeAt));
}

/** The same before and after the server gave it a seq. */
function keyOf({ mine, clientId, seq }) {
  return mine && clientId ? `c${clientId}` : `s${seq}`;
}

function minuteOf(date) {
  return Math.floor(date.getTime() / 60_000);
}
