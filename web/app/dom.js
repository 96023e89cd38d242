// Building the page out of elements: no HTML by string anywhere, so that nothing a member wrote can become markup.

import { iconId } from "./icons.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. In `props`: `on: {event: handler}`, `data: {name: value}`, everything else an attribute; null, undefined and
 * false leave one out, true sets an empty one. Children are nodes, texts, arrays of them; null and false are left out.
 */
export function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "on") listen(element, value);
    else if (name === "data") Object.assign(element.dataset, value);
    else setAttribute(element, name, value);
  }
  element.append(...present(children));
  return element;
}

/** A picture out of icons.svg. Hidden from screen readers unless it has a label. */
export function icon(name, { small = false, label = null } = {}) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", small ? "i i-s" : "i");
  for (const [attribute, value] of Object.entries(label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" })) {
    svg.setAttribute(attribute, value);
  }
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#${iconId(name)}`);
  svg.append(use);
  return svg;
}

/** A copy of a `<template>` of index.html. */
export function fromTemplate(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

export function present(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : value);
}

function listen(element, handlers) {
  for (const [event, handler] of Object.entries(handlers)) element.addEventListener(event, handler);
}
