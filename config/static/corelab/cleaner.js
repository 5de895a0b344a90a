// Cleans scans in the browser: a module worker that runs the engine of the core laboratory (deid/) under Pyodide.
// What it reads of a file goes to the page that asked and nowhere else; its messages are told in deid/page and decision 0034.

const HEAD = 64 * 1024;
// Of a small picture, on its longer side.
const SIDE = 96;
// What only the encrypted intake can open or read.
const UNREAD = [{ is: "read", kind: "unread", head: null }, []];
const state = { bridge: null, largest: 0, archive: null, isDead: false };
let queue = Promise.resolve();

self.addEventListener("message", (event) => {
  queue = queue.then(() => answer(event.data));
});

async function answer(asked) {
  const named = "number" in asked ? { number: asked.number } : {};
  if ("member" in asked) named.member = asked.member;
  try {
    const [told, transfer] = state.isDead ? [{ is: "failed", why: "memory" }, []] : await VERBS[asked.do](asked);
    self.postMessage({ ...told, ...named }, transfer);
  } catch (error) {
    // Its words may quote a header, so they are told to nobody.
    state.isDead = isFatal(error);
    self.postMessage({ is: "failed", why: state.isDead ? "memory" : "failed", ...named });
  }
}

function isFatal(error) {
  return error instanceof RangeError || error instanceof WebAssembly.RuntimeError || Boolean(error?.pyodide_fatal_error);
}

const VERBS = {
  start,
  open: ({ keys }) => said(state.bridge.open(keys)),
  read,
  thumb: async (asked) => picture(await whole(asked, (bytes) => state.bridge.thumb(bytes, asked.side ?? SIDE))),
  explain: (asked) => whole(asked, (bytes) => state.bridge.explain(bytes), ""),
  original,
  clean: (asked) => whole(asked, (bytes) => state.bridge.clean(bytes, JSON.stringify(asked.boxes ?? [])), "bytes"),
};

async function start({ home, engine, digest }) {
  if (typeof WebAssembly !== "object") return [{ is: "unable", why: "no-wasm" }, []];
  let python;
  try {
    const { loadPyodide } = await import(new URL("pyodide.mjs", new URL(home, self.location)).href);
    const silent = () => {};
    python = await loadPyodide({ stdout: silent, stderr: silent });
  } catch (error) {
    return [{ is: "unable", why: isFatal(error) ? "no-memory" : "no-wasm" }, []];
  }
  const answered = await fetch(engine);
  if (!answered.ok) return [{ is: "unable", why: "no-engine" }, []];
  const archive = new Uint8Array(await answered.arrayBuffer());
  if (!isGenuine(python, archive, digest)) return [{ is: "unable", why: "damaged" }, []];
  python.unpackArchive(archive, "zip", { extractDir: "/engine" });
  state.bridge = python.runPython(
    'import sys\nsys.path.insert(0, "/engine")\nfrom deid.page.bridge import Bridge\nBridge()',
  );
  const [told] = said(state.bridge.ready());
  state.largest = told.largest;
  return [told, []];
}

function isGenuine(python, archive, digest) {
  const check = python.runPython("import hashlib\nlambda data: hashlib.sha256(data.to_bytes()).hexdigest()");
  try {
    return check(archive) === digest;
  } finally {
    check.destroy();
  }
}

// What Python answered: its words, and its bytes as an array that travels on its own.
function said(reply, name = "") {
  const told = JSON.parse(reply.text);
  const transfer = [];
  if (name && told.is !== "refused" && told.is !== "sealed") {
    told[name] = bytesOf(reply);
    transfer.push(told[name]);
  }
  reply.destroy();
  return [told, transfer];
}

function bytesOf(reply) {
  const held = reply.data;
  const { buffer } = copied(held);
  held.destroy();
  return buffer;
}

function copied(held) {
  const view = held.getBuffer("u8");
  const copy = view.data.slice();
  view.release();
  return copy;
}

async function read(asked) {
  const size = sizeOf(asked);
  const head = await bytes(asked, HEAD);
  if (!(head instanceof Uint8Array)) return UNREAD;
  const [told] = said(state.bridge.read(head, size));
  if (told.kind === "archive" && !("member" in asked)) return said(opened(asked));
  if (told.is !== "more") return [told, []];
  if (size > state.largest) return UNREAD;
  const data = await bytes(asked, size);
  return data instanceof Uint8Array ? said(state.bridge.read(data, size)) : UNREAD;
}

// What lies in an archive, as it lies there.
function original(asked) {
  // Blobs, which browsers lay on the disk where memory is short.
  const parts = [];
  reopen(asked);
  const [told] = said(state.bridge.pour(asked.member, (part) => parts.push(new Blob([copied(part)]))));
  return [told.is === "original" ? { ...told, blob: new Blob(parts) } : told, []];
}

// A verb over the bytes of a whole file.
async function whole(asked, verb, name = "rgba") {
  if (sizeOf(asked) > state.largest) return [{ is: "sealed", why: "too-large" }, []];
  const data = await bytes(asked, Infinity);
  return data instanceof Uint8Array ? said(verb(data), name) : [data, []];
}

function picture([told, transfer]) {
  const isDrawn = told.is === "thumb" && told.width > 0;
  return isDrawn ? [told, transfer] : [{ is: "thumb", width: 0, height: 0, rgba: null }, []];
}

function sizeOf({ file, member, size }) {
  return member === undefined ? file.size : (size ?? 0);
}

async function bytes(asked, most) {
  if (asked.member === undefined) return new Uint8Array(await asked.file.slice(0, Math.min(most, asked.file.size)).arrayBuffer());
  reopen(asked);
  const reply = state.bridge.member(asked.member, Number.isFinite(most) ? most : state.largest);
  const [told] = said(reply, "data");
  return told.is === "member" ? new Uint8Array(told.data) : told;
}

function reopen(asked) {
  if (state.archive !== asked.number) opened(asked).destroy();
}

function opened({ number, file }) {
  const reader = new FileReaderSync();
  state.archive = number;
  return state.bridge.unpack(file.size, (start, end) => new Uint8Array(reader.readAsArrayBuffer(file.slice(start, end))));
}
