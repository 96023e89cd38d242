// "Who are you?": the first step of onboarding, and later the form to change it. `PUT /members/me/profile`.

import { onOffer } from "../catalogue.js";
import { t } from "../strings.js";
import { departmentField } from "./department.js";
import { Field, radios, select } from "./field.js";
import { formPage } from "./form-page.js";
import { keywordsField } from "./keywords.js";
import { nicknameField } from "./nickname.js";

/** `lists`: CATALOGUE; `saved`: PROFILE or null; `draft`: see storage.js; `onSaved(member)`. */
export function profileForm({ client, lists, saved, draft, step, backTo, onSaved }) {
  const values = { ...startingFrom(saved, lists), ...draft.read() };
  const keep = (name) => (value) => {
    values[name] = value;
    draft.keep(values);
  };
  const fields = [
    nicknameField({
      client, limits: lists.limits.nickname, value: values.nickname, own: saved?.nickname ?? null, onChange: keep("nickname"),
    }),
    genderField(values.gender, keep("gender")),
    birthYearField(lists.limits.birth_year, values.birth_year, keep("birth_year")),
    departmentField({ departments: onOffer(lists.departments, [saved?.department]), text: values.department_text, onChange: keep("department_text") }),
    keywordsField({ keywords: onOffer(lists.keywords, saved?.keywords), wanted: lists.limits.keywords, chosen: values.keywords, onChange: keep("keywords") }),
  ];
  const element = formPage({
    title: t("profile.title"), lede: t("profile.lede"), step, backTo, label: t(step ? "form.next" : "form.save"), fields,
    check: () => fields.filter((field) => !field.check()).length,
    send: async () => {
      const profile = Object.fromEntries(fields.map((field) => [field.name, field.value()]));
      const member = await client.api.put("/members/me/profile", profile);
      draft.drop();
      return member;
    },
    onDone: onSaved,
  });
  return { element, title: t("profile.page"), onPaper: true };
}

function startingFrom(saved, { departments }) {
  const department = departments.find(({ id }) => id === saved?.department);
  return {
    nickname: saved?.nickname ?? "", gender: saved?.gender ?? null, birth_year: saved?.birth_year ?? null,
    department_text: department?.name ?? "", keywords: saved?.keywords ?? [],
  };
}

function genderField(chosen, keep) {
  let value = chosen;
  const options = [{ value: "MALE", label: t("profile.man") }, { value: "FEMALE", label: t("profile.woman") }];
  const { element, inputs } = radios({ name: "gender", options, chosen, onChange: (gender) => {
    value = gender;
    field.clear();
    keep(gender);
  } });
  const field = new Field({ name: "gender", label: t("profile.gender"), control: element, controls: inputs, group: true });
  return mustChoose(field, () => value);
}

function birthYearField({ min, max }, chosen, keep) {
  let value = chosen;
  const years = Array.from({ length: max - min + 1 }, (_, n) => [max - n, t("profile.year", { year: max - n })]);
  const control = select({ id: "birth_year", options: [["", t("form.choose")], ...years], chosen, onChange: (year) => {
    value = year;
    field.clear();
    keep(year);
  } });
  const field = new Field({ name: "birth_year", label: t("profile.birth-year"), control, controls: [control] });
  return mustChoose(field, () => value);
}

function mustChoose(field, value) {
  field.value = value;
  field.check = () => {
    if (value() === null) field.refuse(t("form.choose-one"));
    return value() !== null;
  };
  return field;
}
