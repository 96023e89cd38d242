// Operators' announcements: one line for the newest not yet opened here (a pinned one stays), a sheet with all of them.

import { ask } from "../dialog.js";
import { el, icon } from "../dom.js";
import { noticesRead, rememberNoticesRead } from "../storage.js";
import { t } from "../strings.js";
import { monthDay } from "../time.js";

/** `onRead()` after the sheet was closed. */
export function noticeLine(notices, { onRead }) {
  const read = noticesRead();
  const notice = notices.find(({ id, pinned }) => pinned || !read.has(id));
  if (!notice) return null;
  const open = async () => {
    await showNotices(notices);
    onRead();
  };
  return el("button", { class: "notice", id: "notice", type: "button", on: { click: open } },
    icon("news"),
    el("p", {}, el("span", { class: "vh" }, `${t("main.notice")} `), notice.title),
    icon("next", { small: true }));
}

async function showNotices(notices) {
  await ask({
    heading: t("main.notices"),
    body: el("div", { class: "body notices" }, notices.map(article)),
    actions: [{ label: t("close"), value: "close", safe: true }],
  });
  rememberNoticesRead(notices.map(({ id }) => id));
}

function article({ title, body, published_at }) {
  return el("article", {},
    el("h3", {}, title), el("p", { class: "faint num" }, monthDay(new Date(published_at))), el("p", { class: "dim" }, body));
}
