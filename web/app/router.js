// One document, hash routes: nothing to rewrite on a static host, and Back leaves the room on a phone.
// After a change of page the title is set and the page's h1 has the focus; the first page leaves it alone.

import { colourBrowserBar } from "./browser-bar.js";
import { setPageTitle } from "./title.js";

export function readRoute(hash) {
  const [name = "", id = null] = hash.replace(/^#\/?/, "").split("/");
  return { name: name || "main", id };
}

/**
 * `build(route)` → page: {element, title, onPaper?, accepts?(route), show?(route), focus?(), leave?()}. A page that `accepts` the next
 * route is kept and told to `show` it; every other is left and replaced.
 */
export class Router {
  #build;
  #page = null;
  #depth = 0;            // how many pages of ours lie behind this one in the history

  constructor(build) {
    this.#build = build;
  }

  start() {
    this.#depth = history.state?.depth ?? 0;
    this.#markDepth();
    addEventListener("hashchange", () => {
      this.#depth = history.state?.depth ?? this.#depth + 1;
      this.#markDepth();
      this.#show({ moved: true });
    });
    this.#show({ moved: false });
  }

  /** Whether Back stays inside the client. */
  get canGoBack() {
    return this.#depth > 0;
  }

  go(hash, { replace = false } = {}) {
    if (hash === location.hash) this.refresh();
    else if (replace) this.#replace(hash);
    else location.hash = hash;
  }

  /** Builds the present page anew: another language, another member, another try. */
  refresh({ moved = true } = {}) {
    this.#leave();
    this.#show({ moved });
  }

  #show({ moved }) {
    const route = readRoute(location.hash);
    if (this.#page?.accepts?.(route)) {
      this.#page.show(route);
    } else {
      this.#leave();
      this.#page = this.#build(route);
      document.querySelector("main").replaceWith(this.#page.element);
      scrollTo(0, 0);
      this.#page.show?.(route);
      if (moved) this.#focus();
    }
    setPageTitle(this.#page.title);
    colourBrowserBar(this.#page);
  }

  #replace(hash) {
    history.replaceState(history.state, "", hash);
    this.#show({ moved: true });
  }

  #markDepth() {
    history.replaceState({ depth: this.#depth }, "");
  }

  #leave() {
    this.#page?.leave?.();
    this.#page = null;
  }

  #focus() {
    if (this.#page.focus) return this.#page.focus();
    const heading = this.#page.element.querySelector("h1");
    heading?.setAttribute("tabindex", "-1");
    heading?.focus({ preventScroll: true });
  }
}
