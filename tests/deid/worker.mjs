// Runs the page's worker in node: what a browser gives a worker stands in here, the rest is the worker itself.
// Usage: node worker.mjs CLEANER FOLDER < tasks (JSON a line: what is told to the worker, `path` for a file) > answers

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [cleaner, folder] = process.argv.slice(2);
const heard = [];
let resolve = null;

globalThis.self = {
  location: pathToFileURL(`${folder}/`),
  addEventListener: (_kind, listener) => heard.push(listener),
  postMessage: (told) => resolve(told),
};
globalThis.fetch = async (address) => {
  const data = await readFile(new URL(address, self.location));
  return { ok: true, arrayBuffer: async () => new Uint8Array(data).buffer };
};
// A file of the page, which a worker may also read without waiting.
class Held extends Blob {
  constructor(data) {
    super([data]);
    this.data = data;
  }

  slice(start, end) {
    return new Held(this.data.subarray(start, end));
  }
}
globalThis.FileReaderSync = class {
  readAsArrayBuffer({ data }) {
    return new Uint8Array(data).buffer;
  }
};
await import(pathToFileURL(cleaner));

function ask(message) {
  return new Promise((settle) => {
    resolve = settle;
    heard.forEach((listener) => listener({ data: message }));
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const { path, ...task } = JSON.parse(line);
  const told = await ask(path ? { ...task, file: new Held(await readFile(path)) } : task);
  for (const [name, value] of Object.entries(told)) {
    const data = value instanceof Blob ? await value.arrayBuffer() : value;
    if (data instanceof ArrayBuffer) told[name] = createHash("sha256").update(new Uint8Array(data)).digest("hex");
  }
  process.stdout.write(`${JSON.stringify(told)}\n`);
}
