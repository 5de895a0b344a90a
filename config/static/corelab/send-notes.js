// What this browser remembers of a sending, so that a reload loses nothing: no name of a person, and none is read of a file.
// A handle of a folder holds the folder's own name: it is dropped once all has arrived or another sending begins. Nothing
// at all is left once somebody signed out (the server asks the browser to clear it) or another account signed in.
// Each window has a note of its own, and holds it by a lock that ends with the window.

const NAME = "corelab-send";
const SENDINGS = "sendings";
const FILES = "files";

/** The notes of one account in one trial. Where a browser keeps none, nothing is remembered and nothing breaks. */
export class Notes {
  constructor({ account, trial }) {
    this.shelf = `${account}/${trial}/`;
    this.key = this.shelf + (crypto.randomUUID?.() ?? "");
    this.taken = hold(this.key);
    this.news = new BroadcastChannel(NAME);
  }

  /** Call `act` whenever another window of this browser notes or forgets something of a sending. */
  heard(act) {
    this.news.addEventListener("message", ({ data }) => data === this.shelf && act());
  }

  tell() {
    this.news.postMessage(this.shelf);
  }

  /** What was noted elsewhere, newest first; `isElsewhere` while another window works on it. */
  async others() {
    await this.taken;
    const notes = (await this.ask(SENDINGS, "readonly", (store) => store.getAll(under(this.shelf)))) ?? [];
    const { held = [] } = (await navigator.locks?.query()) ?? {};
    const names = new Set(held.map((lock) => lock.name));
    return notes
      .filter((note) => note.key !== this.key)
      .map((note) => ({ ...note, isElsewhere: names.has(lockOf(note.key)) }))
      .sort((left, right) => right.at - left.at);
  }

  /** Make a note this window's own; false where another window has it. */
  async take({ key }) {
    if (!await hold(key)) return false;
    this.key = key;
    return true;
  }

  /** {visit, label, delivery, handles, boxes, files, size, isCleaned, isBegun, isComplete} as far as it is known. */
  async read() {
    return (await this.ask(SENDINGS, "readonly", (store) => store.get(this.key))) ?? {};
  }

  async add(told) {
    const kept = { ...(await this.read()), ...told, key: this.key, at: Date.now() };
    // A handle that the browser does not keep must not take the rest with it.
    const done = await this.ask(SENDINGS, "readwrite", (store) => store.put(kept, this.key));
    if (done === undefined && kept.handles) await this.ask(SENDINGS, "readwrite", (store) => store.put({ ...kept, handles: null }, this.key));
    this.tell();
  }

  /** Note what was chosen, so that a reload begins there; not in place of a sending that was interrupted. */
  async begin(told) {
    const { isBegun, isComplete } = await this.read();
    if (!isBegun || isComplete) await this.add(told);
  }

  /** Note that all has arrived, where the sending is still noted. */
  async complete() {
    if ((await this.read()).visit) await this.add({ isComplete: true, handles: null });
  }

  /** What was sent to this delivery in place of the file with this hash: {hashes, size, claim}. */
  sent(delivery, original) {
    return this.ask(FILES, "readonly", (store) => store.get([this.key, delivery, original]));
  }

  keep(delivery, original, told) {
    return this.ask(FILES, "readwrite", (store) => store.put(told, [this.key, delivery, original]));
  }

  /** Forget one sending: this window's own, unless told which. */
  async forget({ key } = this) {
    await this.ask(SENDINGS, "readwrite", (store) => store.delete(key));
    await this.ask(FILES, "readwrite", (store) => store.delete(IDBKeyRange.bound([key], [key, []])));
    this.tell();
  }

  async ask(store, mode, question) {
    try {
      // Once it was cleared under this window, nothing is noted here any more.
      this.opened ??= open();
      const database = await this.opened;
      return await answered(question(database.transaction(store, mode).objectStore(store)));
    } catch {
      return undefined;
    }
  }
}

/** Forget what other accounts sent from this browser. */
export async function forgetOthers(account) {
  const known = (await indexedDB.databases?.().catch(() => [])) ?? [];
  if (!known.some(({ name }) => name === NAME)) return;
  const database = await open();
  const [first, after] = [`${account}/`, `${account}0`];
  const transaction = database.transaction([SENDINGS, FILES], "readwrite");
  transaction.objectStore(SENDINGS).delete(IDBKeyRange.upperBound(first, true));
  transaction.objectStore(SENDINGS).delete(IDBKeyRange.lowerBound(after));
  transaction.objectStore(FILES).delete(IDBKeyRange.upperBound([first], true));
  transaction.objectStore(FILES).delete(IDBKeyRange.lowerBound([after]));
  database.close();
}

/** Wait until no window works on a note. */
export function freed({ key }) {
  return navigator.locks.request(lockOf(key), () => {});
}

/** Hold a note until this window is closed; false where another one does. */
function hold(key) {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    navigator.locks.request(lockOf(key), { ifAvailable: true }, (lock) => {
      resolve(Boolean(lock));
      return lock ? new Promise(() => {}) : null;
    });
  });
}

function lockOf(key) {
  return `${NAME}/${key}`;
}

/** Every key that begins so. */
function under(start) {
  return IDBKeyRange.bound(start, `${start}\uffff`);
}

function open() {
  const asked = indexedDB.open(NAME, 1);
  asked.addEventListener("upgradeneeded", () => {
    for (const store of [SENDINGS, FILES]) asked.result.createObjectStore(store);
  });
  return answered(asked);
}

function answered(asked) {
  return new Promise((resolve, reject) => {
    asked.addEventListener("success", () => resolve(asked.result));
    asked.addEventListener("error", () => reject(asked.error));
  });
}
