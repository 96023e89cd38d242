// The frame of a form and its way to the server. Nothing typed is lost: a draft is kept until the server has said yes, and a
// refusal lands on the fields it names, the first of which gets the focus.

import { el, icon } from "../dom.js";
import { t } from "../strings.js";

const SLOW_DOWN = 429;

/**
 * `step`: 1 or 2 while onboarding, null when editing. `check()` marks what is wrong and returns the number of fields that are;
 * `send()` resolves to what the server has taken; then `onDone(saved)`. A field that was refused is `isRefused`.
 */
export function formPage({ title, lede, step, backTo, label, fields, check, send, onDone }) {
  const summary = el("div", { class: "summary", hidden: true, role: "alert" });
  const button = el("button", { class: "btn wide", form: "form" }, label);
  const form = el("form", { class: "form", id: "form", novalidate: true },
    el("header", {}, el("h1", {}, title), el("p", {}, lede)), summary, fields.map(({ element }) => element));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  const element = el("main", { id: "main", class: "form-page", tabindex: "-1" },
    el("header", { class: "form-head" },
      el("a", { class: "icon-btn", href: backTo, "aria-label": t("back") }, icon("back")),
      step ? progress(step) : el("span")),
    form,
    el("div", { class: "form-foot" }, button));

  async function submit() {
    if (button.ariaDisabled === "true") return;
    summary.hidden = true;
    const wrong = check();
    if (wrong > 0) return refuse(t("form.summary", { n: wrong }));
    setBusy(true);
    try {
      onDone(await send());
    } catch (error) {
      setBusy(false);
      refuse(explain(error, fields));
    }
  }

  function setBusy(busy) {
    button.setAttribute("aria-disabled", String(busy));
    button.replaceChildren(...(busy ? [el("span", { class: "spin", "aria-hidden": "true" }), label] : [label]));
  }

  function refuse(text) {
    summary.replaceChildren(icon("alert", { small: true }), el("span", {}, text));
    summary.hidden = false;
    const first = fields.find(({ isRefused }) => isRefused);
    if (first) first.focus();
    else summary.scrollIntoView({ block: "center" });
  }

  return element;
}

/** Puts the server's words on the fields they are about, and returns what the summary says. */
function explain(error, fields) {
  if (error.name === "NetworkError") return t("no-answer");
  if (error.name !== "ApiError") throw error;
  if (error.status === SLOW_DOWN) return t("wait-a-moment");
  const named = new Map((error.errors ?? []).map(({ attr, detail }) => [attr.split(".")[0], detail]));
  const refused = fields.filter(({ name, alsoNamed = [] }) => [name, ...alsoNamed].some((attr) => named.has(attr)));
  for (const field of refused) {
    field.refuse([field.name, ...(field.alsoNamed ?? [])].map((attr) => named.get(attr)).find(Boolean));
  }
  if (refused.length > 0) return t("form.summary", { n: refused.length });
  return error.status >= 500 || !error.detail ? t("broke") : error.detail;
}

function progress(step) {
  return el("div", { class: "progress", role: "img", "aria-label": t(`form.step-${step}`) },
    [1, 2].map((n) => el("i", { class: n <= step ? "on" : null })));
}
