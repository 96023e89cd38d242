// Full jitter: a random delay below a ceiling that doubles with every try, so that ten thousand clients of a restarted
// server do not come back in step. (AWS Architecture Blog, "Exponential Backoff And Jitter")

const BASE_MS = 500;
const CEILING_MS = 30_000;

export class Backoff {
  #tries = 0;

  nextMs() {
    const ceiling = Math.min(CEILING_MS, BASE_MS * 2 ** this.#tries);
    this.#tries = Math.min(this.#tries + 1, 16);
    return Math.random() * ceiling;
  }

  reset() {
    this.#tries = 0;
  }
}
