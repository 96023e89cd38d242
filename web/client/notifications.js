// The page's end of the line to the service worker (sw.js): which room is before the member's eyes, and which one a click on
// a notification asks for.

const SHOWS_ROOM = "damso.shows-room";
const OPEN_ROOM = "damso.open-room";

export class Notifications {
  #shown = null;

  /** `onOpen(room)`: a notification was clicked; null when it was about no room. */
  constructor({ onOpen }) {
    navigator.serviceWorker?.addEventListener("message", ({ data, ports: [port] }) => {
      if (data?.type === OPEN_ROOM) onOpen(data.room);
      if (data?.type === SHOWS_ROOM) port.postMessage(this.#isSeen && this.#shown === data.room);
    });
    window.addEventListener("focus", () => this.#takeAwayOfShown());
  }

  /** What a notification says of `room`, the member sees now; null: no room is shown. */
  shows(room) {
    this.#shown = room;
    this.#takeAwayOfShown();
  }

  /** Nothing of a member stays on a screen that others see. */
  takeAwayAll() {
    return takeAway(() => true);
  }

  get #isSeen() {
    return document.visibilityState === "visible" && document.hasFocus();
  }

  #takeAwayOfShown() {
    if (this.#shown !== null && this.#isSeen) takeAway(({ data }) => data?.room === this.#shown);
  }
}

async function takeAway(chosen) {
  const registration = await navigator.serviceWorker?.getRegistration();
  const shown = (await registration?.getNotifications?.()) ?? [];
  for (const notification of shown.filter(chosen)) notification.close();
}
