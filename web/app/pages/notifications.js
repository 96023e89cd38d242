// Notifications, in the settings: whether this browser gets any, and what they show.

import { PUSH } from "../../client/index.js";
import { el, icon } from "../dom.js";
import { whyNot } from "../push-words.js";
import { t } from "../strings.js";
import { card, failure, group, switchRow } from "./groups.js";

const WORDS = {
  [PUSH.DEFAULT]: ["push.off", "push.what"],
  [PUSH.OFF]: ["push.off", "push.what"],
  [PUSH.ON]: ["push.on", "push.what"],
  [PUSH.DENIED]: ["push.denied", "push.denied-what"],
  [PUSH.UNSUPPORTED]: ["push.unsupported", "push.unsupported-what"],
};
const FROM_THE_HOME_SCREEN = ["push.ios", "push.ios-what"];

/** {element, leave}. Nothing is seen of it where the service pushes to no browser. */
export function notificationsGroup({ client, announce }) {
  const row = el("div", { class: "item", tabindex: "-1" });
  const why = el("span");
  const failed = failure(why);
  const text = textSwitch(client);
  const element = group({ hidden: true }, t("settings.notifications"), card(row, text.row), failed, text.failed);

  const trying = (action, said) => async () => {
    failed.hidden = true;
    try {
      await action();
      if (client.push.state === said.when) announce(t(said.key));
    } catch (error) {
      why.textContent = whyNot(error);
      failed.hidden = false;
    }
  };
  const turnOn = trying(() => client.push.turnOn(), { when: PUSH.ON, key: "push.turned-on" });
  const turnOff = trying(() => client.push.turnOff(), { when: PUSH.OFF, key: "push.turned-off" });

  function draw() {
    const { state } = client.push;
    element.hidden = state === PUSH.NOT_OFFERED;
    if (element.hidden) return;
    const hadFocus = row.contains(document.activeElement);
    const button = { [PUSH.DEFAULT]: turnOnButton(turnOn), [PUSH.OFF]: turnOnButton(turnOn), [PUSH.ON]: turnOffButton(turnOff) }[state];
    row.replaceChildren(icon("bell"), words(state), ...(button ? [button] : []));
    if (hadFocus) (button ?? row).focus();
  }

  draw();
  return { element, leave: client.on("push", draw) };
}

function words(state) {
  const [title, what] = state === PUSH.UNSUPPORTED && couldFromTheHomeScreen() ? FROM_THE_HOME_SCREEN : WORDS[state];
  return el("div", { class: "grow" }, el("b", {}, t(title)), el("span", {}, t(what)));
}

function turnOnButton(turnOn) {
  return button("push.turn-on", turnOn);
}

function turnOffButton(turnOff) {
  return button("push.turn-off", turnOff);
}

function button(key, press) {
  return el("button", { class: "btn soft small", type: "button", "aria-label": t(`${key}-label`), on: { click: press } }, t(key));
}

function textSwitch({ auth, api }) {
  return switchRow({
    label: t("push.text"), what: t("push.text-what"), isOn: auth.member.push_text,
    save: async (push_text) => auth.setMember(await api.patch("/members/me", { push_text })),
  });
}

/** Only Safari on a phone or tablet knows the word: opened in a tab, it pushes nothing. */
function couldFromTheHomeScreen() {
  return navigator.standalone === false;
}
