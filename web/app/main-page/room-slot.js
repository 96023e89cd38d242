// The place of the room beside (from 960 px) or over the main page. It decides which room is shown, and mounts or leaves it;
// what a room is, room/view.js knows.

import { el, icon } from "../dom.js";
import { hourPhrase } from "../phrases.js";
import { roomView } from "../room/view.js";
import { t } from "../strings.js";

const WIDE = "(min-width: 960px)";
const REASSURANCES = [["clock", "room.none-long"], ["bell", "room.none-come-back"], ["flag", "room.none-uneasy"]];

export class RoomSlot {
  #app;
  #parent;
  #onBack;
  #onKnown;
  #known = new Set();
  #asking = null;
  #view = null;
  #roomId = null;
  #nobody = null;

  /** `onKnown()` when a room that had to be asked for may be placed now. */
  constructor({ app, element, onBack, onKnown }) {
    this.#app = app;
    this.#parent = element;
    this.#onBack = onBack;
    this.#onKnown = onKnown;
  }

  get hasRoom() {
    return this.#view !== null;
  }

  /** Shows what belongs here and returns the title of the page. `main` is null before the first answer of GET /main. */
  place({ route, main }) {
    const wanted = wantedRoom(route, main);
    if (wanted === null) {
      this.leave();
      this.showNobody(main);
      return "";
    }
    if (wanted !== this.#roomId) {
      this.leave();
      if (!this.#isOurs(wanted, main)) return "";
      this.#mount(wanted, main);
    }
    this.#view.enter({ focus: route.name === "room" });
    const partner = main.room?.id === wanted ? main.room.partner.nickname : "";
    return route.name === "room" ? partner || t("room.label") : "";
  }

  leave() {
    this.#view?.leave();
    this.#view?.element.remove();
    this.#view = null;
    this.#roomId = null;
  }

  showNobody(main) {
    this.#nobody?.remove();
    this.#nobody = nobody(main);
    this.#parent.append(this.#nobody);
  }

  #mount(roomId, main) {
    this.#nobody?.remove();
    this.#nobody = null;
    const { client, announce } = this.#app;
    const partner = main.room?.id === roomId ? main.room.partner : undefined;
    this.#roomId = roomId;
    this.#view = roomView({ client, roomId, partner, onBack: this.#onBack, t, announce });
    this.#parent.append(this.#view.element);
  }

  /** The room of the main page is; of another one, an old link perhaps, the API is asked first: it says 404 to what is not. */
  #isOurs(roomId, main) {
    if (main.room?.id === roomId || this.#known.has(roomId)) return true;
    this.#ask(roomId);
    return false;
  }

  async #ask(roomId) {
    if (this.#asking === roomId) return;
    this.#asking = roomId;
    try {
      await this.#app.client.api.get(`/rooms/${roomId}`);
      this.#known.add(roomId);
      this.#onKnown();
    } catch (error) {
      if (error.status === 404) this.#app.notFound();
      else this.#app.fail(error);
    } finally {
      this.#asking = null;
    }
  }
}

/** The id of the room to be shown, or null: none, or not known yet. */
function wantedRoom(route, main) {
  if (main === null) return null;
  if (route.name === "room") return Number(route.id);
  return matchMedia(WIDE).matches && main.room ? main.room.id : null;
}

function nobody(main) {
  const hour = main ? hourPhrase(new Date(main.round.opens_at)) : t("hour", { half: t("half.night"), h: 10 });
  return el("section", { class: "room", "aria-label": t("room.label") },
    el("div", { class: "nobody" },
      icon("empty-room"),
      el("h2", {}, t("room.none", { hour })),
      el("p", {}, t("room.none-what")),
      el("ul", {}, REASSURANCES.map(([name, key]) => el("li", {}, icon(name), el("span", {}, t(key)))))));
}
