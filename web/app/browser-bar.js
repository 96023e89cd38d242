// The colour of the browser's own bar: the page goes on in it.

const NIGHT = "#123138";

/** `onPaper`: the page begins with paper, not with the sky. */
export function colourBrowserBar({ onPaper = false }) {
  const paper = getComputedStyle(document.documentElement).getPropertyValue("--paper").trim();
  document.querySelector("meta[name=theme-color]").content = onPaper ? paper : NIGHT;
}
