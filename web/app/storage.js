// What this device may remember. A browser may refuse storage (private window, in-app browser): then nothing is remembered,
// and nothing breaks.

const NOTICES = "damso.notices-read";     // ids of the notices opened here
const MEMBER_HERE = "damso.signed-in";    // somebody was signed in here and did not sign out
const LANGUAGE_CHOICE = "damso.language-choice";      // made on the sign-in page, for whoever signs in next in this tab
const RETURN_TO = "damso.return-to";      // where to go after Kakao

export function wasSignedIn() {
  return read("localStorage", MEMBER_HERE) === true;
}

export function rememberSignedIn(yes) {
  if (yes) write("localStorage", MEMBER_HERE, true);
  else remove("localStorage", MEMBER_HERE);
}

export function noticesRead() {
  return new Set(read("localStorage", NOTICES) ?? []);
}

export function rememberNoticesRead(ids) {
  write("localStorage", NOTICES, [...ids]);
}

export function rememberReturn(hash) {
  write("sessionStorage", RETURN_TO, hash);
}

export function takeReturn() {
  const hash = read("sessionStorage", RETURN_TO);
  remove("sessionStorage", RETURN_TO);
  return hash ?? "";
}

export function rememberLanguageChoice(language) {
  write("sessionStorage", LANGUAGE_CHOICE, language);
}

export function takeLanguageChoice() {
  const language = read("sessionStorage", LANGUAGE_CHOICE);
  remove("sessionStorage", LANGUAGE_CHOICE);
  return language;
}

/** A form not yet sent, kept through reloads and lost connections; of one member, in one tab. */
export function draft(form, memberId) {
  const key = `damso.draft.${form}.${memberId}`;
  return {
    read: () => read("sessionStorage", key),
    keep: (values) => write("sessionStorage", key, values),
    drop: () => remove("sessionStorage", key),
  };
}

/** Nothing of a member stays behind on a shared PC. */
export function forgetMember() {
  rememberSignedIn(false);
  try {
    sessionStorage.clear();
  } catch {
    // refused: there was nothing
  }
}

function read(area, key) {
  try {
    return JSON.parse(window[area].getItem(key));
  } catch {
    return null;
  }
}

function write(area, key, value) {
  try {
    window[area].setItem(key, JSON.stringify(value));
  } catch {
    // refused or full
  }
}

function remove(area, key) {
  try {
    window[area].removeItem(key);
  } catch {
    // refused
  }
}
