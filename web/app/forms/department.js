// The department: 75 of them, so one types two letters and picks; the browser's own list, native on phones.

import { el } from "../dom.js";
import { t } from "../strings.js";
import { Field } from "./field.js";

const LETTERS_ENOUGH = 2;

/** `text`: what stands in the box. `onChange(text)` while typing; `field.value()` is the department's id or null. */
export function departmentField({ departments, text, onChange }) {
  const list = el("datalist", { id: "departments" }, departments.map(({ name }) => el("option", { value: name })));
  const input = el("input", {
    class: "input", id: "department", list: "departments", value: text, placeholder: t("profile.department-example"), autocomplete: "off",
  });
  const field = new Field({ name: "department", label: t("profile.department"), control: [input, list], controls: [input] });
  const typed = () => input.value.normalize("NFC").trim();
  const exact = () => departments.find(({ name }) => name === typed());

  input.addEventListener("input", () => {
    if (field.isRefused && exact()) field.clear();
    onChange(input.value);
  });
  // Left with only one department it can be: that one is meant.
  input.addEventListener("change", () => {
    if (exact() || typed().length < LETTERS_ENOUGH) return;
    const possible = departments.filter(({ name }) => name.toLowerCase().includes(typed().toLowerCase()));
    if (possible.length !== 1) return;
    input.value = possible[0].name;
    field.clear();
    onChange(input.value);
  });

  field.value = () => exact()?.id ?? null;
  field.check = () => {
    if (field.value() === null) field.refuse(t("profile.department-unknown"));
    return field.value() !== null;
  };
  return field;
}
