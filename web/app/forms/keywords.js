// Exactly so many keywords, in the order in which they were picked. When that many are chosen the others can still be reached
// and read, but not taken.

import { el } from "../dom.js";
import { t } from "../strings.js";
import { Field } from "./field.js";

export function keywordsField({ keywords, wanted, chosen, onChange }) {
  let picked = chosen.filter((id) => keywords.some((keyword) => keyword.id === id)).slice(0, wanted);
  const counter = el("small", { class: "num" });
  const inputs = keywords.map(({ id }) => el("input", { type: "checkbox", value: id, checked: picked.includes(id) }));
  const options = keywords.map(({ name, emoji }, n) =>
    el("label", { class: "opt" }, inputs[n], el("span", {}, el("i", { "aria-hidden": "true" }, emoji), el("b", {}, name))));
  const field = new Field({
    name: "keywords", label: t("profile.keywords", { n: wanted }), group: true, counter,
    control: el("div", { class: "pick tight" }, options), controls: inputs,
  });

  const isFull = () => picked.length === wanted;

  function draw() {
    counter.textContent = `${picked.length}/${wanted}`;
    inputs.forEach((input, n) => {
      const refused = isFull() && !input.checked;
      options[n].classList.toggle("full", refused);
      if (refused) input.setAttribute("aria-disabled", "true");
      else input.removeAttribute("aria-disabled");
    });
  }

  function say() {
    if (isFull()) field.hint(t("profile.keywords-full", { n: wanted }));
    else field.clear();
  }

  for (const input of inputs) {
    input.addEventListener("click", (event) => { if (input.ariaDisabled === "true") event.preventDefault(); });
    input.addEventListener("change", () => {
      picked = input.checked ? [...picked, input.value] : picked.filter((id) => id !== input.value);
      draw();
      say();
      onChange(picked);
    });
  }
  draw();
  say();

  field.value = () => picked;
  field.check = () => {
    if (!isFull()) field.refuse(t("profile.keywords-more", { n: wanted - picked.length }));
    return isFull();
  };
  return field;
}
