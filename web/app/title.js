// What the tab says: "(3) 담소". Unread messages are counted here too on the icon of an installed client.

import { t } from "./strings.js";

let page = "";
let unread = 0;

export function setPageTitle(title) {
  page = title ?? "";
  write();
}

export function addUnread() {
  setUnread(unread + 1);
}

export function setUnread(count) {
  unread = count;
  write();
  if (count > 0) navigator.setAppBadge?.(count).catch(() => {});
  else navigator.clearAppBadge?.().catch(() => {});
}

function write() {
  const name = page ? `${page} · ${t("damso")}` : t("damso");
  document.title = unread > 0 ? `(${unread}) ${name}` : name;
}
