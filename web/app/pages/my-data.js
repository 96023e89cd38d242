// What is held about me, in the settings: whom I blocked, everything as a file, leaving for good.

import { ask } from "../dialog.js";
import { el, icon } from "../dom.js";
import { t } from "../strings.js";
import { monthDay } from "../time.js";

const FILE = "damso.json";
const RELEASED_AFTER_MS = 60_000;

export function blockedItem({ client }) {
  const number = el("span", { class: "num" });
  const load = async () => {
    const { results, next } = await client.api.get("/blocks");
    number.textContent = next ? `${results.length}+` : results.length || "";
    return results;
  };
  load().catch(() => {});
  return item({ symbol: "ban", label: t("data.blocked"), after: [number, icon("next", { small: true })], choose: async () => showBlocked(await load()) });
}

export function downloadItem(app) {
  return item({ symbol: "save", label: t("data.download"), what: t("data.download-what"), choose: () => download(app) });
}

export function withdrawItem(app) {
  return item({ symbol: "leave", label: t("data.withdraw"), danger: true, choose: () => withdraw(app) });
}

/** A row that does something; what goes wrong is said in a dialog, in the service's words if it has any. */
function item({ symbol, label, what = null, after = [], danger = false, choose }) {
  const press = () => choose().catch(sayFailed);
  return el("button", { class: danger ? "item red" : "item", type: "button", on: { click: press } },
    icon(symbol), el("div", { class: "grow" }, el("b", {}, label), what && el("span", {}, what)), after);
}

async function sayFailed(error) {
  await ask({ heading: error.detail || t("data.failed"), actions: [{ label: t("close"), value: "", safe: true }] });
}

async function showBlocked(blocks) {
  const person = ({ nickname, created_at }) => el("article", {},
    el("h3", {}, nickname), el("p", { class: "faint num" }, t("data.blocked-on", { day: monthDay(new Date(created_at)) })));
  await ask({
    heading: t("data.blocked"),
    body: el("div", { class: "body notices" },
      el("p", { class: "dim" }, t(blocks.length ? "data.blocked-for-ever" : "data.blocked-nobody")), blocks.map(person)),
    actions: [{ label: t("close"), value: "", safe: true }],
  });
}

async function download({ client, announce }) {
  const held = await client.api.get("/members/me/export");
  const url = URL.createObjectURL(new Blob([JSON.stringify(held, null, 1)], { type: "application/json" }));
  el("a", { href: url, download: FILE }).click();
  setTimeout(() => URL.revokeObjectURL(url), RELEASED_AFTER_MS);      // some browsers read it after the click
  announce(t("data.downloaded"));
}

async function withdraw(app) {
  const understood = el("input", { type: "checkbox" });
  const line = (symbol, key) => el("li", {}, icon(symbol), el("span", {}, t(key)));
  const first = () => download(app).catch(sayFailed);
  const answer = await ask({
    heading: t("data.withdraw-ask"),
    body: el("div", { class: "body" },
      el("ul", { class: "list" }, line("person", "data.withdraw-erased"), line("lock", "data.withdraw-room"), line("leave", "data.withdraw-kakao")),
      el("label", { class: "check" }, understood, el("span", {}, t("data.withdraw-understood"))),
      el("button", { class: "link", type: "button", on: { click: first } }, t("data.withdraw-download"))),
    actions: [
      { label: t("data.withdraw-stay"), value: "", safe: true },
      { label: t("data.withdraw-now"), value: "withdraw", style: "danger", armed: () => understood.checked },
    ],
  });
  if (answer === "withdraw") await app.client.auth.withdraw();
}
