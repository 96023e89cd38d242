// Says how far this member has read: the highest message that was really before their eyes. The room is shown, the page is
// visible and has the focus, the bubble is in view; and only when something of the other side is new.

const DEBOUNCE_MS = 300;

export class ReadMarks {
  #room;
  #log;
  #timer;
  #watching = false;

  constructor({ room, log }) {
    this.#room = room;
    this.#log = log;
  }

  start() {
    this.#watching = true;
    window.addEventListener("focus", this.look);
    document.addEventListener("visibilitychange", this.look);
    this.look();
  }

  stop() {
    this.#watching = false;
    clearTimeout(this.#timer);
    window.removeEventListener("focus", this.look);
    document.removeEventListener("visibilitychange", this.look);
  }

  /** Something moved, arrived or came into focus. */
  look = () => {
    if (!this.#watching) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#mark(), DEBOUNCE_MS);
  };

  #mark() {
    if (document.visibilityState !== "visible" || !document.hasFocus()) return;
    const seen = this.#log.highestSeqInView();
    const news = this.#room.messages.some(({ mine, seq, kind }) => kind === "text" && !mine && seq > this.#room.myReadSeq && seq <= seen);
    if (news) this.#room.markRead(seen);
  }
}
