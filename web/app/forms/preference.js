// "Whom would you like to meet?": the second step of onboarding, and later the form to change it. `PUT /members/me/preference`.

import { moodIcon, onOffer } from "../catalogue.js";
import { icon } from "../dom.js";
import { t } from "../strings.js";
import { Field, radios } from "./field.js";
import { formPage } from "./form-page.js";
import { yearsField } from "./years.js";

/** `lists`: CATALOGUE; `saved`: PREFERENCE or null; `myYear`: of birth; `draft`: see storage.js; `onSaved(member)`. */
export function preferenceForm({ client, lists, saved, myYear, draft, step, label, backTo, onSaved }) {
  const values = { ...startingFrom(saved, lists, myYear), ...draft.read() };
  const keep = (changed) => {
    Object.assign(values, changed);
    draft.keep(values);
  };
  const fields = [
    yearsField({ limits: lists.limits.birth_year, earliest: values.birth_year_min, latest: values.birth_year_max, myYear, onChange: keep }),
    departmentWish(values.own_department, keep),
    moodField(onOffer(lists.moods, [saved?.mood]), values.mood, keep),
  ];
  const element = formPage({
    title: t("wish.title"), lede: t("wish.lede"), step, backTo, label, fields,
    check: () => fields.filter((field) => !field.check()).length,
    send: async () => {
      const member = await client.api.put("/members/me/preference", values);
      draft.drop();
      return member;
    },
    onDone: onSaved,
  });
  return { element, title: t("wish.page"), onPaper: true };
}

function startingFrom(saved, { limits }, myYear) {
  const within = (year) => Math.min(limits.birth_year.max, Math.max(limits.birth_year.min, year));
  return {
    birth_year_min: saved?.birth_year_min ?? within(myYear - 2), birth_year_max: saved?.birth_year_max ?? within(myYear + 2),
    own_department: saved?.own_department ?? true, mood: saved?.mood ?? null,
  };
}

function departmentWish(chosen, keep) {
  const options = [{ value: true, label: t("wish.department-welcome") }, { value: false, label: t("wish.department-other") }];
  const { element, inputs } = radios({ name: "own_department", options, chosen, onChange: (own_department) => keep({ own_department }) });
  const field = new Field({ name: "own_department", label: t("wish.department"), control: element, controls: inputs, group: true });
  field.check = () => {
    field.clear();
    return true;
  };
  return field;
}

function moodField(moods, chosen, keep) {
  let value = moods.some(({ id }) => id === chosen) ? chosen : null;
  const options = moods.map(({ id, name }) => ({ value: id, label: name, picture: icon(moodIcon(id)) }));
  const { element, inputs } = radios({ name: "mood", className: "pick two mood", options, chosen: value, onChange: (mood) => {
    value = mood;
    field.clear();
    keep({ mood });
  } });
  const field = new Field({ name: "mood", label: t("wish.mood"), control: element, controls: inputs, group: true });
  field.check = () => {
    if (value === null) field.refuse(t("wish.mood-missing"));
    return value !== null;
  };
  return field;
}
