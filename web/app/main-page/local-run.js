// A laptop's own bar: pair, open or close tonight now, so that nobody has to wait till ten. Servers never show it.

import { el } from "../dom.js";
import { language, t } from "../strings.js";

const STEPS = ["pair", "open", "close"];
const SAID = {
  scheduled: "local.scheduled", paired: "local.paired", open: "local.opened", closed: "local.closed", swept: "local.closed",
};

/** Whether this API is a laptop's. A server that does not say so is not, nor is one on another origin. */
export async function isLocalRun(base) {
  if (base) return false;
  try {
    const response = await fetch("/version");
    return response.ok && (await response.json()).environment === "local";
  } catch {
    return false;
  }
}

/** `said`: what came of the last step; `onDone(said)` after the next one. */
export function localRunBar(base, { said, onDone }) {
  const take = async (step) => onDone(await takeStep(base, step));
  return el("div", { class: "ops", role: "group", "aria-label": t("local.label") },
    said && el("p", {}, said),
    el("b", {}, t("local.run")),
    STEPS.map((step) => el("button", { type: "button", id: `local-${step}`, on: { click: () => take(step) } }, t(`local.${step}`))));
}

async function takeStep(base, step) {
  try {
    const response = await fetch(`${base}/dev/round`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Accept-Language": language() },
      body: JSON.stringify({ step }),
    });
    const answer = await response.json();
    if (response.ok) return t(wordsFor(step, answer), answer.round);
    return t("local.failed", { why: answer.detail ?? response.status });
  } catch (error) {
    return t("local.failed", { why: error.message });
  }
}

function wordsFor(step, { round, rooms }) {
  return step !== "close" && rooms === 0 ? "local.nobody" : SAID[round.state];
}
