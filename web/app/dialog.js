// Native dialogs: the browser keeps the focus inside, Escape closes, and the focus returns to the opener.

import { el, setAttribute } from "./dom.js";

let headings = 0;

/**
 * Shows a dialog and resolves to the `value` of the button that closed it, or "" for Escape. Of `actions` ({label, value, style,
 * safe, armed, check}) the safe one has the focus; one that is not `armed()` does nothing and looks so; one whose `check()` is
 * false leaves the dialog open.
 */
export function ask({ heading, body = null, actions }) {
  const id = `dialog-${(headings += 1)}`;
  const opener = document.activeElement;
  const buttons = actions.map(actionButton);
  const arm = () => buttons.forEach((button, n) => setAttribute(button, "aria-disabled", actions[n].armed && !actions[n].armed() && "true"));
  const dialog = el("dialog", { "aria-labelledby": id, on: { change: arm } },
    el("form", { method: "dialog" },
      el("h2", { id }, heading),
      body,
      el("div", { class: actions.length === 1 ? "acts one" : "acts" }, buttons),
    ));
  arm();
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      // The browser has done so already, unless it could not; whoever is quick may be elsewhere by now.
      if (opener?.isConnected && document.activeElement === document.body) opener.focus();
      resolve(dialog.returnValue);
    });
  });
}

function actionButton({ label, value, style = "soft", safe = false, armed = () => true, check = () => true }) {
  const press = (event) => {
    if (!armed() || !check()) event.preventDefault();
  };
  return el("button", { class: `btn ${style}`, value, autofocus: safe, on: { click: press } }, label);
}
