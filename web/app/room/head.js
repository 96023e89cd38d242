// The head of the room: who is here, how much time is left, the menu. Twelve lamps hang below it and go out as time passes.

import { el, icon } from "../dom.js";
import { face } from "../person.js";
import { lampsInARoom } from "../scene.js";
import { clockTime } from "../time.js";
import { Menu } from "./menu.js";

const SVG = "http://www.w3.org/2000/svg";
const LAMPS = 12;
const MINUTE_MS = 60_000;
export const SOON_MS = 10 * MINUTE_MS;

export class Head {
  element;
  lamps = el("div", { class: "festoon", "aria-hidden": "true" }, wire(), Array.from({ length: LAMPS }, lamp));
  menu;
  #t;
  #name = el("h1", { id: "room-name", tabindex: "-1" });
  #presence = el("p");
  #face = el("span");
  #drawnFace = "";
  #clock;
  #pill = el("span", { class: "left-pill" });

  constructor({ t, onBack, onReport, onBlock, onLeave }) {
    this.#t = t;
    this.#clock = icon("clock", { small: true, label: t("talk.time-left") });
    this.menu = new Menu({
      label: t("talk.menu"),
      items: [
        { label: t("safety.report"), symbol: "flag", choose: onReport },
        { label: t("safety.block"), symbol: "ban", choose: onBlock },
        { label: t("talk.leave"), symbol: "leave", danger: true, choose: onLeave },
      ],
    });
    const back = el("a", { class: "icon-btn back", href: "#/", "aria-label": t("talk.back"), on: { click: (event) => { event.preventDefault(); onBack(); } } }, icon("back"));
    this.element = el("header", { class: "room-head" }, back, this.#face, el("div", { class: "grow" }, this.#name, this.#presence), this.#pill, this.menu.button);
  }

  focusName() {
    this.#name.focus({ preventScroll: true });
  }

  draw({ room, partner, now }) {
    const closed = room.state === "closed";
    const online = Boolean(partner.online) && !closed;
    this.#drawFace(partner.nickname, online);
    this.#presence.className = online ? "here" : "";
    this.#presence.textContent = this.#presenceText({ room, partner, closed });
    this.menu.button.hidden = room.state === null;
    this.menu.showDanger(!closed);
    this.#drawTime(room, now);
  }

  #drawFace(nickname, online) {
    if (this.#drawnFace === nickname + online) return;
    this.#drawnFace = nickname + online;
    this.#name.textContent = nickname;
    const drawn = face(nickname, { size: "s", online });
    this.#face.replaceWith(drawn);
    this.#face = drawn;
  }

  #presenceText({ room, partner, closed }) {
    if (closed) return this.#t("talk.read-only");
    if (partner.online) return this.#t("talk.online");
    const seen = partner.last_seen ? new Date(partner.last_seen) : null;
    const seenHere = seen && room.opensAt && seen >= room.opensAt;
    return seenHere ? this.#t("talk.seen-at", { time: clockTime(seen) }) : this.#t("talk.not-here-yet");
  }

  #drawTime(room, now) {
    const leftMs = room.closesAt && room.state !== "closed" ? Math.max(0, room.closesAt - now) : 0;
    lightUp(this.lamps, leftMs === 0 ? 0 : lampsInARoom(leftMs, room.closesAt - room.opensAt));
    this.#pill.hidden = room.state === "closed" || !room.closesAt;
    this.#pill.classList.toggle("soon", leftMs <= SOON_MS);
    this.#pill.replaceChildren(this.#clock, ...this.#timeLeft(leftMs));
  }

  #timeLeft(leftMs) {
    if (leftMs < MINUTE_MS) return [el("span", {}, this.#t("talk.seconds", { seconds: Math.ceil(leftMs / 1000) }))];
    const minutes = Math.floor(leftMs / MINUTE_MS);
    if (minutes < 60) return [el("span", {}, this.#t("talk.minutes", { minutes }))];
    return [
      el("span", {}, this.#t("talk.hours", { hours: Math.floor(minutes / 60) })),
      el("span", { class: "more" }, this.#t("talk.minutes-more", { minutes: minutes % 60 })),
    ];
  }
}

/** How long until the time shown changes. */
export function untilNextMinuteMs(leftMs) {
  const step = leftMs <= MINUTE_MS ? 1000 : MINUTE_MS;
  return Math.max(50, (leftMs % step) + 20);
}

function wire() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 100 22");
  svg.setAttribute("preserveAspectRatio", "none");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("class", "wire");
  path.setAttribute("d", "M0 0Q50 36 100 0");
  svg.append(path);
  return svg;
}

function lamp(_, n) {
  const x = (n + 0.5) / LAMPS;
  const element = el("i");
  element.style.left = `${x * 100}%`;
  element.style.top = `${16 * 4 * x * (1 - x) + 2}px`;      // on the wire: the parabola of its curve
  return element;
}

function lightUp(lamps, lit) {
  [...lamps.querySelectorAll("i")].forEach((element, n) => element.classList.toggle("lit", n < lit));
}
