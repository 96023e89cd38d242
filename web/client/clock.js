// The server's clock, as far as we know it: a device's own may be minutes off, and a room closes for everybody at once.

export class Clock {
  #aheadMs = 0;

  /** `serverTime` is ISO 8601, heard just now. */
  observe(serverTime) {
    const at = Date.parse(serverTime);
    if (Number.isFinite(at)) this.#aheadMs = at - Date.now();
  }

  now() {
    return new Date(Date.now() + this.#aheadMs);
  }
}
