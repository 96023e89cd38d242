// The lists members choose from, by id: departments, keywords, moods, and the limits of the forms.

const MOOD_ICONS = { calm: "mood-calm", comfortable: "mood-ease", fluttering: "mood-flutter", fun: "mood-fun" };

export class Catalogue {
  #client;
  #lists = null;

  constructor(client) {
    this.#client = client;
  }

  /** The lists in the chosen language. */
  async load() {
    this.#lists = await this.#client.catalogue();
    return this.#lists;
  }

  get isLoaded() {
    return this.#lists !== null;
  }

  /** Another language was chosen. */
  forget() {
    this.#lists = null;
  }

  get lists() {
    return this.#lists;
  }

  department(id) {
    return find(this.#lists.departments, id)?.name ?? "";
  }

  /** {id, name, emoji} or null for one that operators have taken off the list. */
  keyword(id) {
    return find(this.#lists.keywords, id) ?? null;
  }

  mood(id) {
    return find(this.#lists.moods, id)?.name ?? "";
  }
}

export function moodIcon(id) {
  return MOOD_ICONS[id] ?? "mood-ease";
}

/** What may be chosen: what operators offer now, and what this member has already. */
export function onOffer(list, own = []) {
  return list.filter(({ id, offered }) => offered || own.includes(id));
}

function find(list, id) {
  return list.find((entry) => entry.id === id);
}
