// Native dialogs: the browser keeps the focus inside, Escape closes, and the focus returns to the opener.

import { el } from "./dom.js";

let headings = 0;

/**
 * Shows a dialog and resolves to the `value` of the button that closed it, or "" for Escape. Of `actions` ({label, value, style,
 * safe}) the safe one has the focus.
 */
export function ask({ heading, body = null, actions }) {
  const id = `dialog-${(headings += 1)}`;
  const opener = document.activeElement;
  const dialog = el("dialog", { "aria-labelledby": id },
    el("form", { method: "dialog" },
      el("h2", { id }, heading),
      body,
      el("div", { class: actions.length === 1 ? "acts one" : "acts" }, actions.map(actionButton)),
    ));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (opener?.isConnected) opener.focus();
      resolve(dialog.returnValue);
    });
  });
}

function actionButton({ label, value, style = "soft", safe = false }) {
  return el("button", { class: `btn ${style}`, value, autofocus: safe }, label);
}
