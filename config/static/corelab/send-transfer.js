// What is ready is announced by its hashes, and only what the server lacks is sent: batches of 8 MB, two at a time.

const BATCH = 8 * 1024 * 1024;
const MOST = 400;
const FLIGHTS = 2;

/** SHA-256 of each part of a blob, as the server names it. */
export async function hashesOf(blob, piece) {
  const hashes = [];
  for (let start = 0; start === 0 || start < blob.size; start += piece) {
    hashes.push(await hashOf(await blob.slice(start, start + piece).arrayBuffer()));
  }
  return hashes;
}

export async function hashOf(buffer) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", buffer));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Transfer {
  /** `root` is the address of the delivery, `piece` the size of a part; `heard(item)` is told of each file that lies there. */
  constructor({ line, root, piece, heard }) {
    Object.assign(this, { line, root, piece, heard });
    // By number, so that the same bytes under two names count once.
    this.sizes = new Map();
    this.claimed = new Set();
  }

  /** Send items {size, hashes, claim, load()} as they become ready. Throws Refusal; what arrived is kept. */
  async send(items) {
    const flying = new Set();
    let failed = null;
    try {
      for await (const group of grouped(items)) {
        if (flying.size >= FLIGHTS) await Promise.race(flying);
        if (failed) break;
        const flight = this.deliver(group)
          .catch((error) => { failed ??= error; })
          .finally(() => flying.delete(flight));
        flying.add(flight);
      }
    } finally {
      // Nothing of this try is on the line when the next begins.
      await Promise.all(flying);
    }
    if (failed) throw failed;
  }

  async deliver(group) {
    const files = group.map(({ size, hashes, claim }) => ({ size, parts: hashes, claim }));
    const told = await this.line.post(`${this.root}manifest/`, { files });
    const missing = [];
    for (const [place, { number, arrived }] of told.files.entries()) {
      const item = group[place];
      item.number = number;
      this.sizes.set(number, item.size);
      for (let part = arrived; part < item.hashes.length; part += 1) missing.push({ item, part });
    }
    for (const batch of batched(missing, this.piece)) await this.post(batch);
    for (const item of group) this.heard(item);
  }

  async post(batch) {
    const body = new FormData();
    for (const { item, part } of batch) {
      const name = `${item.number}.${part}`;
      if (this.claimed.has(name)) continue;
      this.claimed.add(name);
      const blob = await item.load();
      body.append(name, blob.slice(part * this.piece, (part + 1) * this.piece), "piece");
    }
    if (body.keys().next().done) return;
    try {
      await this.line.call(`${this.root}pieces/`, { method: "POST", body });
    } catch (error) {
      for (const name of body.keys()) this.claimed.delete(name);
      throw error;
    }
  }

  /** Say that this was all. Safe to repeat: where the first answer was lost, the second tells the same. */
  complete() {
    const size = [...this.sizes.values()].reduce((sum, one) => sum + one, 0);
    return this.line.post(`${this.root}complete/`, { files: this.sizes.size, size });
  }
}

async function* grouped(items) {
  let group = [];
  let size = 0;
  for await (const item of items) {
    if (group.length && (size + item.size > BATCH || group.length >= MOST)) {
      yield group;
      group = [];
      size = 0;
    }
    group.push(item);
    size += item.size;
  }
  if (group.length) yield group;
}

function* batched(missing, piece) {
  let batch = [];
  let size = 0;
  for (const one of missing) {
    const more = Math.min(piece, one.item.size - one.part * piece);
    if (batch.length && size + more > BATCH) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(one);
    size += more;
  }
  if (batch.length) yield batch;
}
