// Everything the client says, in both languages. The table is in texts.js; a part with its own words adds them with addTexts.

import { TEXTS } from "./texts.js";

const STORED = "damso.language";
export const LANGUAGES = ["ko", "en"];

const texts = { ...TEXTS };
let current = remembered() ?? "ko";

export function language() {
  return current;
}

/** Switches every text from the next drawing on, and remembers it on this device. */
export function setLanguage(chosen) {
  if (!LANGUAGES.includes(chosen)) return;
  current = chosen;
  document.documentElement.lang = chosen;
  try {
    localStorage.setItem(STORED, chosen);
  } catch {
    // Storage refused (private window): the choice lasts as long as the page.
  }
}

/** The text of `key` in the chosen language. A text is a string with {names}, or a function of `params`. */
export function t(key, params = {}) {
  const pair = texts[key];
  if (!pair) throw new Error(`no such text: ${key}`);
  const text = pair[LANGUAGES.indexOf(current)];
  if (typeof text === "function") return text(params);
  return text.replace(/\{(\w+)\}/g, (whole, name) => params[name] ?? whole);
}

/** Adds the texts of a part that brings its own: `{ko: {key: text}, en: {key: text}}`. */
export function addTexts({ ko, en }) {
  for (const key of Object.keys(ko)) texts[key] = [ko[key], en[key]];
}

function remembered() {
  try {
    const stored = localStorage.getItem(STORED);
    return LANGUAGES.includes(stored) ? stored : null;
  } catch {
    return null;
  }
}
