// What this browser remembers of a sending, so that a reload loses nothing: no name of a person, and none is read of a file.
// A handle of a folder holds the folder's own name; it is dropped once all has arrived or another sending begins.

const NAME = "corelab-send";
const SENDINGS = "sendings";
const FILES = "files";

/** The notes of one account in one trial. Where a browser keeps none, nothing is remembered and nothing breaks. */
export class Notes {
  constructor({ account, trial }) {
    this.key = `${account}/${trial}`;
  }

  /** {visit, label, delivery, handles, boxes, files, size, isCleaned, isBegun, isComplete} as far as it is known. */
  async read() {
    return (await this.ask(SENDINGS, "readonly", (store) => store.get(this.key))) ?? {};
  }

  async add(told) {
    const kept = { ...(await this.read()), ...told };
    // A handle that the browser does not keep must not take the rest with it.
    const done = await this.ask(SENDINGS, "readwrite", (store) => store.put(kept, this.key));
    if (done === undefined && kept.handles) await this.ask(SENDINGS, "readwrite", (store) => store.put({ ...kept, handles: null }, this.key));
  }

  /** Note what was chosen, so that a reload begins there; not in place of a sending that was interrupted. */
  async begin(told) {
    const { isBegun, isComplete } = await this.read();
    if (!isBegun || isComplete) await this.add(told);
  }

  async complete(delivery) {
    if (await this.isOf(delivery)) await this.add({ isComplete: true, handles: null });
  }

  /** Whether the note is of this delivery: another window may have begun one meanwhile. */
  async isOf(delivery) {
    return (await this.read()).delivery?.id === delivery.id;
  }

  /** What was sent to this delivery in place of the file with this hash: {hashes, size, claim}. */
  sent(delivery, original) {
    return this.ask(FILES, "readonly", (store) => store.get([this.key, delivery, original]));
  }

  keep(delivery, original, told) {
    return this.ask(FILES, "readwrite", (store) => store.put(told, [this.key, delivery, original]));
  }

  /** Forget this delivery, or without one whatever is noted. */
  async forget(delivery = null) {
    if (delivery && !await this.isOf(delivery)) return;
    await this.ask(SENDINGS, "readwrite", (store) => store.delete(this.key));
    await this.ask(FILES, "readwrite", (store) => store.delete(IDBKeyRange.bound([this.key], [this.key, []])));
  }

  async ask(store, mode, question) {
    try {
      this.opened ??= open();
      const database = await this.opened;
      const asked = question(database.transaction(store, mode).objectStore(store));
      return await answered(asked);
    } catch {
      return undefined;
    }
  }
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
