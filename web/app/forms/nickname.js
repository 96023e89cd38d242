// The nickname: counted in syllables, asked about 400 ms after the last committed input. A word being composed is left alone.

import { el } from "../dom.js";
import { t } from "../strings.js";
import { Field } from "./field.js";

const ASK_AFTER_MS = 400;
const REFUSALS = { pattern: "profile.nickname-pattern", taken: "profile.nickname-taken", reserved: "profile.nickname-reserved" };

/** `own`: the member's present nickname, which nobody has to ask about. `onChange(text)` after every committed input. */
export function nicknameField({ client, limits, value, own, onChange }) {
  const { min, max, pattern } = limits;
  const whole = wholly(pattern);
  const counter = el("small", { class: "num" });
  const input = el("input", {
    class: "input", id: "nickname", value, placeholder: t("profile.nickname-example"), autocomplete: "off", maxlength: String(max * 2),
    autocapitalize: "off", spellcheck: "false",
  });
  const field = new Field({ name: "nickname", label: t("profile.nickname"), control: input, controls: [input], counter });
  let timer = null;
  let asked = 0;

  const text = () => input.value.normalize("NFC").trim();
  const fits = () => [...text()].length >= min && [...text()].length <= max && whole.test(text());
  const hint = () => field.hint(t("profile.nickname-hint", { min, max }));
  const refuse = (code) => field.refuse(t(REFUSALS[code] ?? REFUSALS.pattern, { min, max }));
  const count = () => { counter.textContent = `${[...text()].length}/${max}`; };

  async function ask() {
    const turn = (asked += 1);
    if (text() === "" || text() === own) return hint();
    if (!fits()) return refuse("pattern");
    const answer = await client.api.get("/members/nickname", { query: { value: text() } }).catch(() => null);
    if (turn !== asked || answer === null) return;      // overtaken, or nobody knows: sending will tell
    if (answer.code === "free") field.good(t("profile.nickname-free"));
    else refuse(answer.code);
  }

  function committed() {
    asked += 1;
    clearTimeout(timer);
    count();
    if (!field.isRefused || fits()) hint();
    onChange(text());
    timer = setTimeout(ask, ASK_AFTER_MS);
  }

  input.addEventListener("input", (event) => { if (!event.isComposing) committed(); });
  input.addEventListener("compositionend", committed);
  count();
  hint();
  if (value && value !== own) ask();

  field.value = text;
  field.check = () => {
    clearTimeout(timer);
    asked += 1;              // the answer to the whole form is what counts now
    if (!fits()) refuse("pattern");
    return !field.isRefused;
  };
  return field;
}

/** Operators write the pattern in Python's dialect: one that a browser can't read is left to the server. */
function wholly(pattern) {
  try {
    return new RegExp(`^(?:${pattern})$`, "u");
  } catch {
    return /^/u;
  }
}
