// Sends a folder or ZIP in batches of pieces; what has arrived is asked for after a cut line, and only the rest is sent again.
// File names never leave this page: a file travels as a number.

const BATCH = 8 * 1024 * 1024;
const TRIES = 5;

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
  if (!timePoint) return fail(page, "Choose subject and time point first.");
  if (!page.files.length) return fail(page, "Choose a folder or a ZIP first.");
  page.button.disabled = true;
  page.error.hidden = true;
  page.bar.hidden = false;
  try {
    const delivery = page.delivery ?? (page.delivery = await open(page, timePoint));
    await deliver(page, delivery);
    window.onbeforeunload = null;
    window.location.assign(page.form.dataset.page.replace("00000000-0000-0000-0000-000000000000", delivery.id));
  } catch (error) {
    fail(page, error.message);
  } finally {
    page.button.disabled = false;
  }
}

function fail(page, sentence) {
  page.error.textContent = sentence;
  page.error.hidden = false;
}

async function open(page, timePoint) {
  const body = JSON.stringify({ time_point: Number(timePoint) });
  return call(page, page.form.dataset.start, { method: "POST", body, headers: { "Content-Type": "application/json" } });
}

async function deliver(page, delivery) {
  window.onbeforeunload = (event) => event.preventDefault();
  const root = `${page.form.dataset.start}${delivery.id}/`;
  const arrived = await call(page, `${root}pieces/`, {});
  const total = page.files.reduce((sum, file) => sum + file.size, 0);
  let sent = 0;
  for (const batch of batches(page.files, delivery.piece, arrived)) {
    const body = new FormData();
    for (const piece of batch) body.append(`${piece.number}.${piece.part}`, piece.blob, "piece");
    await call(page, `${root}pieces/`, { method: "POST", body });
    sent += batch.reduce((sum, piece) => sum + piece.blob.size, 0);
    page.bar.value = (100 * sent) / Math.max(total, 1);
    page.status.textContent = `${(sent / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB sent`;
  }
  const body = JSON.stringify({ files: page.files.length, size: total });
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

async function call(page, url, options) {
  const token = page.form.elements.csrfmiddlewaretoken.value;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await fetch(url, { ...options, headers: { ...options.headers, "X-CSRFToken": token } });
      if (response.status < 500) return await answer(response);
      throw new TypeError("The server did not answer. What was sent is kept; press Send to go on.");
    } catch (error) {
      // A refusal is final; a broken line is tried again, waiting twice as long each time.
      if (!(error instanceof TypeError) || attempt === TRIES) throw error;
      page.status.textContent = "The line is broken; trying again…";
      await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** attempt));
    }
  }
}

async function answer(response) {
  if (response.redirected || response.status === 401) throw new Error("Your session has ended. Sign in in another tab, then press Send to go on.");
  const told = await response.json();
  if (response.ok) return told;
  throw new Error(told.detail ?? told.title ?? "The server refused this delivery.");
}
