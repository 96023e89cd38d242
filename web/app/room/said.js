// A message's text as nodes: text stays text. Only http and https become links; nothing is fetched for a preview.

import { el } from "../dom.js";

// A link ends before white space, quotes, angle brackets and everything that could turn the reading direction inside it.
const LINK = /https?:\/\/[^\s<>"'‘’“”\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/giu;
const TAIL = /[.,:;!?…)\]}。、]+$/u;
const EMOJI = /^(?:\p{Emoji_Presentation}|\p{Emoji}\uFE0F|\p{Regional_Indicator}{2})/u;
const LARGE_UP_TO = 3;

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

export function saidNodes(text) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    const address = match[0].replace(TAIL, "");
    if (!isWebAddress(address)) continue;
    nodes.push(text.slice(from, match.index), link(address));
    from = match.index + address.length;
  }
  nodes.push(text.slice(from));
  return nodes;
}

/** One to three emoji and nothing else are shown large. */
export function isLargeEmoji(text) {
  if (text.length > 60) return false;
  const shown = [...graphemes.segment(text.trim())].map(({ segment }) => segment);
  return shown.length > 0 && shown.length <= LARGE_UP_TO && shown.every((one) => EMOJI.test(one));
}

function link(address) {
  return el("a", { href: address, rel: "noopener noreferrer nofollow", target: "_blank" }, address);
}

function isWebAddress(address) {
  return URL.canParse(address) && /^https?:$/.test(new URL(address).protocol);
}
