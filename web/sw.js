// The service worker: shows what the service pushes and opens the room it is about. It answers no request and keeps nothing,
// so that no old page can ever come out of it. A classic script without imports: not every browser takes a module here, and
// one file is all there is to compare when the browser looks for a newer one.
//
// `pushsubscriptionchange` is left to the next start of the page (client/push.js): whose device this is only a signed-in
// member may say, and the worker is nobody. It has no access token, and renewing one here would race with the pages' own.

const ICON = "images/icon-192.png";
const BADGE = "images/badge-96.png";      // its shape alone is drawn
const SHOWS_ROOM = "damso.shows-room";    // these two are client/notifications.js's, too
const OPEN_ROOM = "damso.open-room";
const ANSWER_WITHIN_MS = 500;             // a window that hangs shows nobody anything

// There is nothing of the old one that a new one could break: it need not wait for the last window to close.
self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("push", (event) => event.waitUntil(tell(noteIn(event.data))));

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.room ?? null));
});

async function tell({ title, body, room, tag, language }) {
  if (room !== null && await isBeforeTheirEyes(room)) return;      // browsers allow silence while a window is seen
  // The second of a tag takes the place of the first, and is heard: it says something else.
  await registration.showNotification(title, { body, tag, renotify: tag !== "", lang: language, icon: ICON, badge: BADGE, data: { room } });
}

// ── what was pushed: {title, body, room, tag, language}

/** A push that is not shown costs the browser's trust: what can't be read is told as something new. */
function noteIn(data) {
  const pushed = jsonIn(data);
  if (typeof pushed?.title !== "string" || pushed.title === "") return somethingNew();
  return {
    title: pushed.title,
    body: String(pushed.body ?? ""),
    room: Number.isSafeInteger(pushed.room) ? pushed.room : null,
    tag: String(pushed.tag ?? ""),
    language: String(pushed.language ?? ""),
  };
}

function jsonIn(data) {
  try {
    return data.json();
  } catch {
    return null;
  }
}

function somethingNew() {
  const note = { room: null, tag: "" };
  return navigator.language.startsWith("ko")
    ? { ...note, title: "담소", body: "새 소식이 있어요", language: "ko" }
    : { ...note, title: "Damso", body: "There is something new", language: "en" };
}

// ── the windows

/** Only a window knows which room it shows: the address the browser tells of it is the one it was opened with. */
async function isBeforeTheirEyes(room) {
  const seen = (await windows()).filter(({ focused, visibilityState }) => focused && visibilityState === "visible");
  const answers = await Promise.all(seen.map((window) => ask(window, { type: SHOWS_ROOM, room })));
  return answers.includes(true);
}

function ask(window, question) {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve(data);
    setTimeout(resolve, ANSWER_WITHIN_MS, null);
    window.postMessage(question, [port2]);
  });
}

async function open(room) {
  const [window] = await windows();      // the one used last
  if (!window) return clients.openWindow(new URL(room === null ? "#/" : `#/room/${room}`, registration.scope));
  window.postMessage({ type: OPEN_ROOM, room });
  return window.focus();
}

/** The client's own: operators' pages and the API's documentation may lie on the same origin. */
async function windows() {
  const ours = new URL(registration.scope).pathname;
  const all = await clients.matchAll({ type: "window", includeUncontrolled: true });
  return all.filter(({ url }) => [ours, `${ours}index.html`].includes(new URL(url).pathname));
}
