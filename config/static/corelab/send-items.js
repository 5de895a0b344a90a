// From what was chosen to what is sent: cleaned here where that can be, else the original for the encrypted intake.

import { asked } from "./send-survey.js";
import { hashOf, hashesOf } from "./send-transfer.js";

// So many are prepared ahead of the line for each worker.
const AHEAD = 2;

export class Items {
  /** `cleaners` is null where nothing is read here, `isCleaned` false where nothing is cleaned; `told` hears of each stage. */
  constructor({ delivery, sources, cleaners, isCleaned, boxes, piece, notes, told }) {
    Object.assign(this, { delivery, sources, cleaners, isCleaned, boxes, piece, notes, told });
    this.fingerprints = new WeakMap();
  }

  /** Yield what is ready, in order; what a worker refused is told and not yielded. */
  async* [Symbol.asyncIterator]() {
    const ahead = AHEAD * (this.cleaners?.size ?? 1);
    const begun = [];
    for (const source of this.sources) {
      const preparing = this.prepare(source);
      // Whoever stops listening must not be told of a failure that nobody waits for.
      preparing.catch(() => {});
      begun.push(preparing);
      if (begun.length > ahead) yield* present(await begun.shift());
    }
    for (const one of begun) yield* present(await one);
  }

  async prepare(source) {
    if (!this.isCleaned || !source.head) return this.asItIs(source);
    const original = await this.fingerprint(source);
    const noted = await this.notes.sent(this.delivery, original);
    const item = noted ? { ...noted, load: () => this.reload(source, noted) } : await this.clean(source);
    return item && { ...item, source, original };
  }

  /** The file as it is, for the encrypted intake; null where it does not come out of its archive. */
  async asItIs(source) {
    const blob = await this.taken(source);
    if (!blob) {
      this.told(source, "refused", gettext("It could not be taken out of its archive: unpack the archive and choose the folder."));
      return null;
    }
    this.told(source, "sealed");
    const hashes = await hashesOf(blob, this.piece);
    return { size: blob.size, hashes, claim: null, load: () => blob, source };
  }

  /** The bytes of a source as they are, taken out of its archive. */
  async taken(source) {
    if (source.member === undefined) return source.file;
    const question = { do: "original", ...asked(source) };
    const answer = await this.cleaners.ask(question);
    // Once more, since another file may have ended the worker over it.
    return answer.is === "failed" ? (await this.cleaners.ask(question)).blob : answer.blob;
  }

  async clean(source) {
    const boxes = this.boxes.get(source.head.series) ?? [];
    const answer = await this.cleaners.ask({ do: "clean", ...asked(source), boxes });
    if (answer.is === "cleaned") {
      this.told(source, "cleaned");
      const blob = new Blob([answer.bytes]);
      const hashes = blob.size <= this.piece ? [answer.sha256] : await hashesOf(blob, this.piece);
      return { size: blob.size, hashes, claim: answer.claim, load: () => blob };
    }
    if (answer.is === "refused") {
      this.told(source, "refused", answer.sentence);
      return null;
    }
    return this.asItIs(source);
  }

  /** What was noted as sent and did not arrive after all, in the way in which it was announced. */
  async reload(source, { claim }) {
    if (claim === null) return this.taken(source);
    const item = await this.clean(source);
    return item.load();
  }

  /** What the notes know a source by: a hash of its bytes, never a name. */
  async fingerprint({ file, member }) {
    if (!this.fingerprints.has(file)) {
      this.fingerprints.set(file, hashesOf(file, this.piece).then((hashes) => hashOf(new TextEncoder().encode(hashes.join()))));
    }
    return `${await this.fingerprints.get(file)}/${member ?? ""}`;
  }
}

function* present(item) {
  if (item) yield item;
}
