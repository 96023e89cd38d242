// Me and settings: what others see, whether I take part, notifications, the language, where I am signed in.

import { moodIcon } from "../catalogue.js";
import { el, icon } from "../dom.js";
import { aboutLine, face } from "../person.js";
import { language, t } from "../strings.js";
import { clockTime, monthDay } from "../time.js";
import { card, failure, group, switchRow } from "./groups.js";
import { blockedItem, downloadItem, withdrawItem } from "./my-data.js";
import { notificationsGroup } from "./notifications.js";

const PHONES = /iPhone|Android|iPad/;

/** `app`: {client, catalogue, announce, switchLanguage(language)} */
export function settingsPage(app) {
  const notifications = notificationsGroup(app);
  const element = el("main", { id: "main", class: "page", tabindex: "-1" },
    el("header", { class: "page-head" },
      el("a", { class: "icon-btn", href: "#/", "aria-label": t("back-to-main") }, icon("back")), el("h1", {}, t("settings.title"))),
    profileGroup(app), nightsGroup(app), notifications.element, languageGroup(app), devicesGroup(app), dataGroup(app));
  return { element, title: t("settings.title"), onPaper: true, leave: notifications.leave };
}

function profileGroup({ client, catalogue }) {
  const { profile, preference } = client.auth.member;
  if (!profile && !preference) return null;
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
  const { row, failed } = switchRow({
    label: t("settings.take-part"), what: t("settings.take-part-what"), isOn: member.active,
    save: async (active) => client.auth.setMember(await client.api.put("/members/me/active", { active })),
  });
  return group({}, t("settings.nights"), card(row), failed);
}

function languageGroup({ switchLanguage }) {
  const option = (value, label) => el("label", { class: "opt" },
    el("input", { type: "radio", name: "language", id: `language-${value}`, value, checked: language() === value, on: { change: () => switchLanguage(value) } }),
    el("span", { lang: value }, label));
  return group({}, el("span", { id: "language" }, "언어 · Language"),
    el("div", { class: "seg", role: "radiogroup", "aria-labelledby": "language" }, option("ko", "한국어"), option("en", "English")));
}

/** Where this member is signed in; without an answer only this device's own buttons. */
function devicesGroup({ client, announce }) {
  const failed = failure(t("sign-in.no-answer"));
  const trying = (action) => async () => {
    failed.hidden = true;
    await action().catch(() => { failed.hidden = false; });
  };
  const button = (key, action) => el("button", { class: "item", type: "button", on: { click: trying(action) } },
    el("div", { class: "grow" }, el("b", {}, t(key))));
  const out = button("settings.sign-out", () => client.auth.signOut());
  const outEverywhere = button("settings.sign-out-everywhere", () => client.auth.signOutEverywhere());
  const list = card(out, outEverywhere);

  async function load() {
    const { results } = await client.api.get("/auth/sessions");
    const others = results.filter(({ current }) => !current).map((session) => otherDevice(session, trying(() => end(session))));
    const own = results.filter(({ current }) => current).map(thisDevice);
    list.replaceChildren(...own, ...others, out, outEverywhere);
  }

  async function end({ id, device }) {
    await client.api.delete(`/auth/sessions/${id}`);
    await load();
    announce(t("settings.signed-out-there", { device: device || t("settings.unknown-device") }));
    out.focus();
  }

  load().catch(() => {});
  return group({}, t("settings.devices"), list, failed);
}

/** What is held about me: whom I blocked, all of it as a file, and leaving for good. */
function dataGroup(app) {
  return group({}, t("data.title"), card(blockedItem(app), downloadItem(app), withdrawItem(app)));
}

function thisDevice({ device }) {
  return el("div", { class: "item" }, icon(deviceIcon(device)),
    el("div", { class: "grow" },
      el("b", {}, t("settings.this-device")),
      el("span", {}, device, device && " · ", el("span", { class: "now" }, t("settings.now")))));
}

function otherDevice({ device, last_seen }, onEnd) {
  const name = device || t("settings.unknown-device");
  const seen = new Date(last_seen);
  return el("div", { class: "item" }, icon(deviceIcon(device)),
    el("div", { class: "grow" }, el("b", {}, name), el("span", {}, `${monthDay(seen)} ${clockTime(seen)}`)),
    el("button", {
      class: "btn soft small", type: "button", "aria-label": t("settings.sign-out-there-label", { device: name }), on: { click: onEnd },
    }, t("settings.sign-out-there")));
}

function deviceIcon(device) {
  return PHONES.test(device) ? "phone" : "laptop";
}
