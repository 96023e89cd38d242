// What was written and not yet acknowledged. On disk (IndexedDB), because phones and in-app browsers kill tabs, and the
// server takes a client_id for ever; in memory where a browser refuses the disk. Nothing that was acknowledged stays here.
//
// An entry: {client_id, member, room, text, made_at}; made_at in ms, and never the same twice, so that it is an order.

const DATABASE = "damso";
const STORE = "outbox";
const KEEP_MS = 48 * 60 * 60 * 1000;      // twice a room's life: whatever is older has no room to go to

export async function openOutbox() {
  try {
    return new DiskOutbox(await openDatabase());
  } catch {
    return new MemoryOutbox();
  }
}

/** The member's entries in the order they were written; what others left here, or what is too old, is removed. */
export async function entriesOf(outbox, member) {
  const all = await outbox.all();
  const mine = all.filter((entry) => entry.member === member && Date.now() - entry.made_at < KEEP_MS);
  await Promise.all(all.filter((entry) => !mine.includes(entry)).map((entry) => outbox.remove(entry.client_id)));
  return mine.sort((a, b) => a.made_at - b.made_at);
}

class DiskOutbox {
  #database;

  constructor(database) {
    this.#database = database;
  }

  all() {
    return this.#do("readonly", (store) => store.getAll());
  }

  put(entry) {
    return this.#do("readwrite", (store) => store.put(entry));
  }

  remove(clientId) {
    return this.#do("readwrite", (store) => store.delete(clientId));
  }

  clear() {
    return this.#do("readwrite", (store) => store.clear());
  }

  #do(mode, action) {
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(STORE, mode);
      const request = action(transaction.objectStore(STORE));
      transaction.addEventListener("complete", () => resolve(request.result));
      transaction.addEventListener("abort", () => reject(transaction.error));
    });
  }
}

class MemoryOutbox {
  #entries = new Map();

  async all() {
    return [...this.#entries.values()];
  }

  async put(entry) {
    this.#entries.set(entry.client_id, entry);
  }

  async remove(clientId) {
    this.#entries.delete(clientId);
  }

  async clear() {
    this.#entries.clear();
  }
}

function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.addEventListener("upgradeneeded", () => request.result.createObjectStore(STORE, { keyPath: "client_id" }));
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
  });
}
