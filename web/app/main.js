// The entry: makes the client, finds out who is here, and shows the page the address asks for.

import { API_BASE } from "../config.js";
import { createClient, SIGNED_OUT } from "../client/index.js";
import { announce } from "./announcer.js";
import { Catalogue } from "./catalogue.js";
import { preferenceForm } from "./forms/preference.js";
import { profileForm } from "./forms/profile.js";
import { takeInIcons } from "./icons.js";
import { isLocalRun } from "./main-page/local-run.js";
import { MainPage } from "./main-page/page.js";
import { settingsPage } from "./pages/settings.js";
import { SIGN_IN, signInPage } from "./pages/sign-in.js";
import { brokePage, elsewherePage, notFoundPage, offlinePage, suspendedPage, unavailablePage } from "./pages/small.js";
import { waitingPage } from "./pages/waiting.js";
import roomTexts from "./room/strings.js";
import { Router } from "./router.js";
import {
  draft, forgetMember, rememberLanguageChoice, rememberReturn, rememberSignedIn, takeLanguageChoice, takeReturn, wasSignedIn,
} from "./storage.js";
import { addTexts, language, setLanguage, t } from "./strings.js";
import { addUnread, setUnread } from "./title.js";

const UNAVAILABLE = 503;
const WORKER = "sw.js";

const client = createClient({ base: API_BASE, language, worker: WORKER });
const catalogue = new Catalogue(client);
const router = new Router(build);
const app = { client, catalogue, router, announce, base: API_BASE, localRun: isLocalRun(API_BASE), fail, notFound, switchLanguage };

let signIn = SIGN_IN.PLAIN;      // what the sign-in page says
let signedOut = null;            // () → page: instead of it, after a session was ended for the member
let insteadOf = null;            // () → page or null: what is shown whatever the address says

addTexts(roomTexts);
takeInIcons();
boot();

async function boot() {
  setLanguage(language());
  document.getElementById("skip").addEventListener("click", skipToContent);
  const answer = takeKakaosAnswer();
  if (answer?.code) signIn = SIGN_IN.BUSY;
  else if (!answer) insteadOf = waiting;
  nameSkipLink();
  router.start();
  client.on("signed-out", onSignedOut);
  client.on("notification", ({ room }) => openNotified(room));
  client.on("message", ({ mine }) => { if (!mine) addUnread(); });      // the main page, where it is shown, counts exactly
  if (answer) await comeBackFromKakao(answer);
  else await restore();
  router.refresh({ moved: false });
}

// ── who is here

async function restore() {
  try {
    const member = await client.auth.restore();
    insteadOf = null;
    if (member) welcome(member);
    else if (wasSignedIn()) signIn = SIGN_IN.ELSEWHERE;
  } catch (error) {
    insteadOf = () => problemPage(error);
  }
}

/** Kakao comes back to `/?code=…&state=…` or `/?error=…`; the address bar forgets it at once. */
function takeKakaosAnswer() {
  const query = new URLSearchParams(location.search);
  if (!query.has("code") && !query.has("error")) return null;
  history.replaceState(null, "", location.pathname + (takeReturn() || location.hash));
  return { code: query.get("code"), state: query.get("state"), error: query.get("error") };
}

async function comeBackFromKakao({ code, state }) {
  if (!code) {
    signIn = SIGN_IN.DENIED;
    return;
  }
  try {
    welcome(await client.auth.finish({ code, state }));
  } catch (error) {
    signIn = SIGN_IN.EXPIRED;
    if (error.name === "NetworkError") signIn = SIGN_IN.NO_ANSWER;
    else if (error.name !== "ApiError" || error.status >= 500) insteadOf = () => problemPage(error);
  }
}

function welcome(member) {
  signIn = SIGN_IN.PLAIN;
  signedOut = null;
  rememberSignedIn(true);
  const chosen = takeLanguageChoice() ?? member.language;
  setLanguage(chosen);
  nameSkipLink();
  if (chosen !== member.language) tellLanguage(chosen);
  client.connect();
}

async function startSignIn() {
  rememberReturn(location.hash);
  await client.auth.start({ next: "/" });
}

function onSignedOut({ reason, until }) {
  setUnread(0);
  if (reason === SIGNED_OUT.SELF) {
    forgetMember();
    signIn = SIGN_IN.PLAIN;
    history.replaceState(null, "", "#/sign-in");
  } else if (reason === SIGNED_OUT.SUSPENDED) {
    signedOut = () => suspendedPage({ until, toSignIn });
  } else {
    signedOut = () => elsewherePage({ start: startSignIn, onFailure: (error) => show(() => problemPage(error)) });
  }
  insteadOf = null;
  router.refresh();
}

// ── which page

function build(route) {
  const other = insteadOf?.();
  if (other) return other;
  insteadOf = null;
  const { member } = client.auth;
  if (!member && signedOut) return signedOut();
  if (!member) return signInPage({ state: signIn, start: startSignIn, switchLanguage });
  switch (route.name) {
    case "main":
    case "room":
    case "sign-in":
      return new MainPage(app);
    case "me":
      return withCatalogue(profilePage);
    case "wish":
      return withCatalogue(member.profile ? preferencePage : profilePage);
    case "settings":
      return withCatalogue(() => settingsPage(app));
    default:
      return notFoundPage();
  }
}

/** A page that needs the lists: shapes until they are here. */
function withCatalogue(page) {
  if (catalogue.isLoaded) return page();
  catalogue.load().then(() => router.refresh({ moved: document.activeElement !== document.body }), fail);
  return waiting();
}

function profilePage() {
  const { member } = client.auth;
  const editing = member.onboarding === "done";
  return profileForm({
    client, lists: catalogue.lists, saved: member.profile, draft: draft("profile", member.id),
    step: editing ? null : 1, backTo: editing ? "#/settings" : "#/",
    onSaved: (saved) => {
      client.auth.setMember(saved);
      router.go(editing ? "#/settings" : "#/wish");
    },
  });
}

function preferencePage() {
  const { member } = client.auth;
  const editing = member.onboarding === "done";
  return preferenceForm({
    client, lists: catalogue.lists, saved: member.preference, myYear: member.profile.birth_year, draft: draft("preference", member.id),
    step: editing ? null : 2, label: t(editing ? "form.save" : "form.take-part"), backTo: editing ? "#/settings" : "#/me",
    onSaved: (saved) => {
      client.auth.setMember(saved);
      router.go(editing ? "#/settings" : "#/");
    },
  });
}

/** Where the member is already nothing is drawn anew: they may be writing. */
function openNotified(room) {
  const hash = room === null ? "#/" : `#/room/${room}`;
  if (hash !== location.hash) router.go(hash);
}

// ── when something is wrong

/** Shows what is wrong instead of the page; null: there was no answer for too long. */
function fail(error) {
  if (!client.auth.member) return;      // signed out meanwhile: that page is already shown
  show(() => problemPage(error));
}

function notFound() {
  const here = location.hash;
  show(() => (location.hash === here ? notFoundPage() : null));
}

function show(page) {
  insteadOf = page;
  router.refresh();
}

function problemPage(error) {
  if (!navigator.onLine) return offlinePage({ again });
  if (error?.status === UNAVAILABLE) return unavailablePage({ retryAfter: error.retryAfter, again });
  if (error?.status === 404) return notFoundPage();
  if (error && error.name !== "NetworkError" && error.name !== "ApiError") console.error(error);
  return brokePage({ requestId: error?.requestId, again });
}

function waiting() {
  return waitingPage({ onTooLong: () => show(() => problemPage(null)) });
}

async function again() {
  if (client.auth.member) {
    insteadOf = null;
  } else {
    show(waiting);
    await restore();
  }
  router.refresh();
}

function toSignIn() {
  signedOut = null;
  router.refresh();
}

// ── language

/** By the member's hand, on the sign-in page or in the settings. */
async function switchLanguage(chosen) {
  setLanguage(chosen);
  if (!client.auth.member) rememberLanguageChoice(chosen);
  nameSkipLink();
  await nameLists();
  router.refresh();
  document.getElementById(`language-${chosen}`)?.focus();
  await tellLanguage(chosen);
}

/** The lists are named in the chosen language; without an answer the page asks again itself. */
async function nameLists() {
  catalogue.forget();
  if (client.auth.member) await catalogue.load().catch(() => {});
}

async function tellLanguage(chosen) {
  if (!client.auth.member) return;
  client.auth.setMember({ ...client.auth.member, language: chosen });
  // Only letters and pushes follow it; a failure is made good by the next sign-in.
  await client.api.patch("/members/me", { language: chosen }).catch(() => {});
}

// ── the frame of the document

function nameSkipLink() {
  document.getElementById("skip").textContent = t("skip");
}

function skipToContent(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}
