// Sends a folder or archive in batches of pieces; what has arrived is asked for after a cut line, and only the rest is sent again.
// File names never leave this page: a file travels as a number.

const BATCH = 8 * 1024 * 1024;
const TRIES = 5;
// A 4xx that says nothing against the delivery itself: ask again later with the same one.
const PASSING = new Set([408, 425, 429]);

class Refusal extends Error {
  constructor(sentence, { ends }) {
    super(sentence);
    this.ends = ends;
  }
}

const form = document.querySelector("[data-send]");
if (form) setUp(form);

function setUp(form) {
  const part = (name) => form.querySelector(`[data-${name}]`);
  const page = {
    form,
    drop: part("drop"),
    chosen: part("chosen"),
    bar: part("progress"),
    status: part("status"),
    error: part("error"),
    button: form.querySelector("button[type=submit]"),
    files: [],
  };
  for (const input of [part("folder"), part("files")]) {
    input.addEventListener("change", () => choose(page, [...input.files]));
  }
  page.drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    page.drop.dataset.over = "";
  });
  page.drop.addEventListener("dragleave", () => delete page.drop.dataset.over);
  page.drop.addEventListener("drop", async (event) => {
    event.preventDefault();
    delete page.drop.dataset.over;
    choose(page, await dropped(event.dataTransfer));
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(page);
  });
}

function choose(page, files) {
  page.files = files.filter((file) => file.size > 0 || files.length === 1);
  const size = page.files.reduce((sum, file) => sum + file.size, 0);
  page.chosen.textContent = `${page.files.length} files, ${(size / 1e6).toFixed(1)} MB`;
  page.error.hidden = true;
}

async function dropped(transfer) {
  const roots = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!roots.length) return [...transfer.files];
  return (await Promise.all(roots.map(walk))).flat();
}

async function walk(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  // readEntries gives at most a hundred at a time.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    found.push(...some);
  }
  return (await Promise.all(found.map(walk))).flat();
}

async function send(page) {
  const timePoint = page.form.elements.time_point.value;
  // Held for the whole sending: what is chosen meanwhile belongs to the next one.
  const files = page.files;
  if (!timePoint) return fail(page, "Choose subject and time point first.");
  if (!files.length) return fail(page, "Choose a folder or an archive first.");
  page.button.disabled = true;
  page.error.hidden = true;
  page.bar.hidden = false;
  try {
    const delivery = await resumeOrOpen(page, timePoint, files);
    await deliver(page, delivery, files);
    page.delivery = null;
    window.onbeforeunload = null;
    window.location.assign(page.form.dataset.page.replace("00000000-0000-0000-0000-000000000000", delivery.id));
  } catch (error) {
    if (error.ends) page.delivery = window.onbeforeunload = null;
    fail(page, error instanceof Refusal ? error.message : "Something went wrong here. What was sent is kept; press Send to go on.");
  } finally {
    page.button.disabled = false;
  }
}

function fail(page, sentence) {
  page.status.textContent = "";
  page.error.textContent = sentence;
  page.error.hidden = false;
}

// A delivery goes on only with the visit and the very files it was opened for; anything else opens its own.
async function resumeOrOpen(page, timePoint, files) {
  const key = JSON.stringify([timePoint, files.map((file) => [file.name, file.size, file.lastModified])]);
  if (page.delivery?.key !== key) {
    page.delivery = null;
    const body = JSON.stringify({ time_point: Number(timePoint) });
    const opened = await call(page, page.form.dataset.start, { method: "POST", body, headers: { "Content-Type": "application/json" } });
    page.delivery = { ...opened, key };
  }
  return page.delivery;
}

async function deliver(page, delivery, files) {
  window.onbeforeunload = (event) => event.preventDefault();
  const root = `${page.form.dataset.start}${delivery.id}/`;
  const arrived = await call(page, `${root}pieces/`, {});
  const total = files.reduce((sum, file) => sum + file.size, 0);
  let sent = files.reduce((sum, file, number) => sum + Math.min((arrived[number] ?? 0) * delivery.piece, file.size), 0);
  for (const batch of batches(files, delivery.piece, arrived)) {
    const body = new FormData();
    for (const piece of batch) body.append(`${piece.number}.${piece.part}`, piece.blob, "piece");
    await call(page, `${root}pieces/`, { method: "POST", body });
    sent += batch.reduce((sum, piece) => sum + piece.blob.size, 0);
    page.bar.value = (100 * sent) / Math.max(total, 1);
    page.status.textContent = `${(sent / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB sent`;
  }
  // Safe to repeat: where the first answer was lost, the second tells the same.
  const body = JSON.stringify({ files: files.length, size: total });
  await call(page, `${root}complete/`, { method: "POST", body, headers: { "Content-Type": "application/json" } });
}

function* batches(files, pieceSize, arrived) {
  let batch = [];
  let size = 0;
  for (const [number, file] of files.entries()) {
    const parts = Math.max(Math.ceil(file.size / pieceSize), 1);
    for (let part = arrived[number] ?? 0; part < parts; part += 1) {
      const blob = file.slice(part * pieceSize, (part + 1) * pieceSize);
      if (batch.length && (size + blob.size > BATCH || batch.length >= 400)) {
        yield batch;
        batch = [];
        size = 0;
      }
      batch.push({ number, part, blob });
      size += blob.size;
    }
  }
  if (batch.length) yield batch;
}

// The cookie is newer than the page where somebody signed in again in another tab.
function token(page) {
  return document.cookie.match(/(?:^|;\s*)csrftoken=([^;]+)/)?.[1] ?? page.form.elements.csrfmiddlewaretoken.value;
}

async function call(page, url, options) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await fetch(url, { ...options, headers: { ...options.headers, "X-CSRFToken": token(page) } });
      const told = await answer(response);
      if (told) return told;
    } catch (error) {
      // A refusal is final; only a broken line is tried again, waiting twice as long each time.
      if (!(error instanceof TypeError)) throw error;
    }
    if (attempt === TRIES) throw new Refusal("The line is broken. What was sent is kept; press Send to go on.", { ends: false });
    page.status.textContent = "The line is broken; trying again…";
    await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** attempt));
  }
}

// Null where neither we nor a proxy said anything to rely on.
async function answer(response) {
  const { status } = response;
  // The API says 403 to strangers, too: the delivery itself may still be good.
  if (response.redirected || status === 401 || status === 403) {
    const sentence = "Your session has ended, or your role does not include this. Sign in in another tab, then press Send to go on.";
    throw new Refusal(sentence, { ends: false });
  }
  // A share is full: a person makes room, then presses Send.
  if (status === 507) {
    const full = await response.json().catch(() => null);
    if (full?.detail) throw new Refusal(full.detail, { ends: false });
  }
  if (status >= 500 || PASSING.has(status)) return null;
  const told = await response.json().catch(() => null);
  if (response.ok) return told;
  throw new Refusal(told?.detail ?? told?.title ?? sentenceFor(status), { ends: true });
}

function sentenceFor(status) {
  if (status === 413) return "Something between you and the server refuses pieces of this size. Nothing more was sent; tell the operator.";
  return `The server refused this delivery (${status}). Nothing more was sent; press Send to start it anew.`;
}
