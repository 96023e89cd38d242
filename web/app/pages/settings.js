// Me and settings: what others see, whether I take part, the language, signing out, leaving.

import { moodIcon } from "../catalogue.js";
import { ask } from "../dialog.js";
import { el, icon } from "../dom.js";
import { aboutLine, face } from "../person.js";
import { language, t } from "../strings.js";

/** `app`: {client, catalogue, switchLanguage(language)} */
export function settingsPage(app) {
  const element = el("main", { id: "main", class: "page", tabindex: "-1" },
    el("header", { class: "page-head" },
      el("a", { class: "icon-btn", href: "#/", "aria-label": t("back-to-main") }, icon("back")), el("h1", {}, t("settings.title"))),
    profileGroup(app), nightsGroup(app), languageGroup(app), devicesGroup(app), dataGroup(app));
  return { element, title: t("settings.title") };
}

function profileGroup({ client, catalogue }) {
  const { profile, preference } = client.auth.member;
  return group({ "aria-label": t("settings.profile") }, null, card(
    profile && el("a", { class: "item", href: "#/me" },
      face(profile.nickname, { mine: true }),
      el("div", { class: "grow" }, el("b", { class: "name" }, profile.nickname), el("span", {}, aboutLine(catalogue, profile))),
      el("span", {}, t("edit")), icon("next", { small: true })),
    preference && el("a", { class: "item", href: "#/wish" },
      icon(moodIcon(preference.mood)),
      el("div", { class: "grow" }, el("b", {}, t("settings.wish")), el("span", {}, wishLine(catalogue, preference))),
      icon("next", { small: true })),
  ));
}

function wishLine(catalogue, { birth_year_min: minYear, birth_year_max: maxYear, own_department, mood }) {
  return t("settings.wish-what", {
    minYear, maxYear, min: String(minYear).slice(-2), max: String(maxYear).slice(-2),
    department: t(own_department ? "settings.department-any" : "settings.department-other"),
    mood: language() === "ko" ? catalogue.mood(mood) : catalogue.mood(mood).toLowerCase(),
  });
}

function nightsGroup({ client }) {
  const { member } = client.auth;
  if (member.onboarding !== "done") return null;
  const failed = el("p", { class: "say", role: "alert", hidden: true }, icon("alert"), t("main.not-changed"));
  const box = el("input", { type: "checkbox", role: "switch", checked: member.active });
  box.addEventListener("change", async () => {
    const active = box.checked;
    failed.hidden = true;
    try {
      await client.api.put("/members/me/active", { active });
      client.auth.setMember({ ...client.auth.member, active });
    } catch {
      box.checked = !active;
      failed.hidden = false;
    }
  });
  return group({}, t("settings.nights"), card(
    el("label", { class: "switch" }, el("b", {}, t("settings.take-part")), el("span", {}, t("settings.take-part-what")), box)), failed);
}

function languageGroup({ switchLanguage }) {
  const option = (value, label) => el("label", { class: "opt" },
    el("input", { type: "radio", name: "language", id: `language-${value}`, value, checked: language() === value, on: { change: () => switchLanguage(value) } }),
    el("span", { lang: value }, label));
  return group({}, el("span", { id: "language" }, "언어 · Language"),
    el("div", { class: "seg", role: "radiogroup", "aria-labelledby": "language" }, option("ko", "한국어"), option("en", "English")));
}

function devicesGroup({ client }) {
  const failed = el("p", { class: "say", role: "alert", hidden: true }, icon("alert"), t("sign-in.no-answer"));
  const out = (key, sign) => el("button", { class: "item", type: "button", on: { click: async () => {
    failed.hidden = true;
    await sign().catch(() => { failed.hidden = false; });
  } } }, el("div", { class: "grow" }, el("b", {}, t(key))));
  return group({}, t("settings.devices"), card(
    out("settings.sign-out", () => client.auth.signOut()),
    out("settings.sign-out-everywhere", () => client.auth.signOutEverywhere())), failed);
}

function dataGroup(app) {
  const said = el("div", {});
  const leave = el("button", { class: "item red", type: "button", on: { click: () => withdraw(app, said) } },
    icon("leave"), el("div", { class: "grow" }, el("b", {}, t("settings.withdraw"))));
  return group({}, t("settings.data"), card(leave), said);
}

async function withdraw({ client, withdrawn }, said) {
  const sure = el("input", { type: "checkbox" });
  const consequence = (name, key) => el("li", {}, icon(name), el("span", {}, t(key)));
  const answer = await ask({
    heading: t("withdraw.title"),
    body: el("div", { class: "body" },
      el("ul", { class: "list" },
        consequence("person", "withdraw.profile"), consequence("lock", "withdraw.room"), consequence("leave", "withdraw.kakao")),
      el("label", { class: "check" }, sure, el("span", {}, t("withdraw.sure")))),
    actions: [
      { label: t("withdraw.stay"), value: "stay", safe: true },
      { label: t("withdraw.go"), value: "leave", style: "danger", armedBy: sure },
    ],
  });
  if (answer !== "leave") return;
  try {
    await client.api.delete("/members/me");
    withdrawn();
  } catch (error) {
    said.replaceChildren(el("p", { class: "say", role: "alert" }, icon("alert"), error.detail || t("sign-in.no-answer")));
  }
}

function group(props, heading, ...content) {
  return el("section", { class: "group", ...props }, heading && el("h2", {}, heading), content);
}

function card(...items) {
  return el("div", { class: "list-card" }, items);
}
