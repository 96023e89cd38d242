// From which year to which: two selects, and a band of years on which one's own is outlined.

import { el } from "../dom.js";
import { t } from "../strings.js";
import { Field, select } from "./field.js";

const SHOWN_BEFORE = 7;
const SHOWN_AFTER = 5;

export function yearsField({ limits, earliest, latest, myYear, onChange }) {
  let [from, to] = [earliest, latest];
  const years = Array.from({ length: limits.max - limits.min + 1 }, (_, n) => limits.min + n).map((year) => [year, t("profile.year", { year })]);
  const choice = (id, label, chosen, take) => select({ id, label, chosen, options: years, onChange: (year) => {
    take(year);
    draw();
    onChange({ birth_year_min: from, birth_year_max: to });
  } });
  const selects = [
    choice("birth_year_min", t("wish.earliest"), from, (year) => { from = year; }),
    choice("birth_year_max", t("wish.latest"), to, (year) => { to = year; }),
  ];
  const picture = el("div", { "aria-hidden": "true" });
  const field = new Field({
    name: "birth_year_min", label: t("wish.years"), group: true, controls: selects,
    control: [el("div", { class: "years" }, selects[0], el("span", { class: "dim", "aria-hidden": "true" }, "–"), selects[1]), picture],
  });
  field.alsoNamed = ["birth_year_max"];

  function draw() {
    picture.replaceChildren(...band({ from, to, myYear, limits }));
    picture.hidden = from > to;
    if (from > to) field.refuse(t("wish.years-order"));
    else if (from <= myYear && myYear <= to) field.hint(t("wish.years-range", { older: myYear - from, younger: to - myYear }));
    else field.hint(t("wish.years-me"));
  }

  field.check = () => {
    draw();
    return from <= to;
  };
  draw();
  return field;
}

function band({ from, to, myYear, limits }) {
  const first = Math.max(limits.min, Math.min(myYear - SHOWN_BEFORE, from));
  const last = Math.min(limits.max, Math.max(myYear + SHOWN_AFTER, to));
  const cells = el("div", { class: "band" });
  for (let year = first; year <= last; year += 1) {
    const kinds = [from <= year && year <= to && "on", year === myYear && "me"].filter(Boolean).join(" ");
    cells.append(el("i", { class: kinds || null }));
  }
  cells.style.setProperty("--n", String(last - first + 1));
  return [cells, el("div", { class: "band-ends faint num" }, el("span", {}, String(first)), el("span", {}, String(last)))];
}
