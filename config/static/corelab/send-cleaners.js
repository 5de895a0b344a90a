// The workers that read and clean on this computer: up to two, each asked one thing at a time in turn.

const MOST = 2;
// Two engines need a gigabyte between them.
const ROOM_FOR_TWO = 4;

/** Start them, or say in a word why not: then everything goes to the encrypted intake. */
export async function startCleaners(told) {
  if (!told.worker) return { why: "absent" };
  if (!globalThis.Worker || !globalThis.WebAssembly) return { why: "no-wasm" };
  const isRoomy = (navigator.deviceMemory ?? ROOM_FOR_TWO) >= ROOM_FOR_TWO;
  const count = isRoomy ? Math.min(MOST, navigator.hardwareConcurrency ?? 1) : 1;
  const cleaners = new Cleaners(told, count);
  const why = await cleaners.start();
  if (why) cleaners.end();
  return why ? { why } : { cleaners };
}

export class Cleaners {
  constructor(told, count) {
    this.told = told;
    this.count = count;
    this.workers = [];
    this.keys = null;
    this.renewing = null;
  }

  async start() {
    const first = new Cleaner(this.told);
    this.workers = [first];
    const why = await first.start();
    if (why) return why;
    // The second comes when it is ready; the first works meanwhile.
    if (this.count > 1) this.add();
    return "";
  }

  async add() {
    const more = new Cleaner(this.told);
    if (await more.start()) return more.end();
    // Another delivery may have been opened meanwhile.
    for (let opened = null; opened !== this.keys;) {
      opened = this.keys;
      await more.ask({ do: "open", keys: opened });
    }
    return this.workers.push(more);
  }

  get size() {
    return this.workers.length;
  }

  /** Ask whichever has least to do; where none is left, that is told as each of them would. */
  async ask(message) {
    if (!this.workers.length) await this.renewing;
    if (!this.workers.length) return { is: "failed", why: "memory" };
    const worker = this.workers.reduce((least, one) => (one.waiting.length < least.waiting.length ? one : least));
    const answer = await worker.ask(message);
    if (answer.is === "failed" && answer.why === "memory") await this.replace(worker);
    return answer;
  }

  async replace(worker) {
    if (!this.workers.includes(worker)) return;
    worker.end();
    this.workers = this.workers.filter((one) => one !== worker);
    if (this.workers.length) return;
    this.renewing = this.add();
    await this.renewing;
  }

  /** Tell all of them the keys of the delivery; "" or why they cannot. */
  async open(keys) {
    this.keys = keys;
    await this.renewing;
    if (!this.workers.length) return "no-memory";
    const answers = await Promise.all(this.workers.map((worker) => worker.ask({ do: "open", keys })));
    return answers.find((answer) => answer.is !== "open")?.why ?? "";
  }

  end() {
    for (const worker of this.workers) worker.end();
    this.workers = [];
  }
}

class Cleaner {
  constructor(told) {
    this.told = told;
    // One answer to each question, in order.
    this.waiting = [];
    this.worker = new Worker(told.worker, { type: "module" });
    this.worker.addEventListener("message", (event) => this.waiting.shift()?.(event.data));
    this.worker.addEventListener("error", () => this.fail());
  }

  async start() {
    const { home, engine, digest } = this.told;
    const answer = await this.ask({ do: "start", home, engine, digest });
    return answer.is === "ready" ? "" : answer.why ?? "failed";
  }

  ask(message) {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.worker.postMessage(message);
    });
  }

  fail() {
    for (const resolve of this.waiting.splice(0)) resolve({ is: "failed", why: "memory" });
  }

  end() {
    this.worker.terminate();
    this.fail();
  }
}
