// Reporting and blocking the other one. They are not told of either: to them the room was left, no more.

import { ask } from "../dialog.js";
import { el, icon } from "../dom.js";

const MAX_DETAIL = 500;

/** `room`: {id, state}. Resolves to whether the room closed by it. */
export async function reportPartner({ client, room, nickname, t }) {
  const told = await askForReport({ reasons: (await client.catalogue()).report_reasons, closed: room.state === "closed", nickname, t });
  if (!told) return false;
  await client.api.post("/reports", { room: room.id, ...told });
  await ask({
    heading: t("safety.reported"),
    body: el("p", { class: "dim" }, t("safety.reported-what")),
    actions: [{ label: t("safety.close"), value: "", safe: true }],
  });
  return told.close_room;
}

/** Resolves to whether they are blocked now. */
export async function blockPartner({ client, room, nickname, t }) {
  const line = (symbol, key) => el("li", {}, icon(symbol), el("span", {}, t(key, { nickname })));
  const answer = await ask({
    heading: t("safety.block-ask", { nickname }),
    body: el("div", { class: "body" }, el("ul", { class: "list" },
      room.state === "closed" ? null : line("lock", "safety.block-closes"),
      line("ban", "safety.block-never"),
      room.state === "closed" ? line("bell", "safety.block-unseen") : line("bell", "safety.block-looks"))),
    actions: [{ label: t("safety.cancel"), value: "", safe: true }, { label: t("safety.block"), value: "block", style: "danger" }],
  });
  if (answer !== "block") return false;
  await client.api.post("/blocks", { room: room.id });
  return true;
}

/** {reason, detail, close_room}, or null when it was thought better of. */
async function askForReport({ reasons, closed, nickname, t }) {
  const form = reportForm({ reasons, closed, t });
  const answer = await ask({
    heading: t("safety.report-ask", { nickname }),
    body: [el("p", { class: "dim" }, t("safety.report-what")), form.body],
    actions: [{ label: t("safety.cancel"), value: "" }, { label: t("safety.report"), value: "report", style: "danger", check: form.check }],
  });
  return answer === "report" ? form.told() : null;
}

function reportForm({ reasons, closed, t }) {
  const radios = reasons.map(({ id }, n) => el("input", { type: "radio", name: "reason", value: id, autofocus: n === 0, "aria-describedby": "report-missing" }));
  const missing = el("p", { class: "err", id: "report-missing", role: "alert" });
  const detail = el("textarea", { class: "input", id: "report-detail", rows: "2", maxlength: MAX_DETAIL });
  const close = el("input", { type: "checkbox", checked: true });
  const body = el("div", { class: "body" },
    el("fieldset", {}, el("legend", { class: "vh" }, t("safety.reason")),
      el("div", {}, reasons.map(({ name }, n) => el("label", { class: "check" }, radios[n], el("span", {}, name)))), missing),
    el("div", { class: "field" }, el("label", { for: "report-detail" }, el("span", {}, t("safety.detail")), el("small", {}, t("safety.optional"))), detail),
    closed
      ? el("p", { class: "dim" }, t("safety.evidence"))
      : el("label", { class: "check" }, close, el("span", {}, t("safety.close-too"), el("span", { class: "dim" }, t("safety.evidence")))));
  const chosen = () => radios.find((radio) => radio.checked);

  function check() {
    missing.replaceChildren(...(chosen() ? [] : [icon("alert"), el("span", {}, t("safety.choose"))]));
    if (!chosen()) radios[0].focus();
    return Boolean(chosen());
  }

  const told = () => ({ reason: chosen().value, detail: detail.value.trim(), close_room: !closed && close.checked });
  return { body, check, told };
}
