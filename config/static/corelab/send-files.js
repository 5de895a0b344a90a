// Files from a dialog, a drop, or handles that an earlier visit of this page kept; their names are not looked at.

const HIDDEN = "."; // What systems leave in folders begins so.

export class Picker {
  /** `chosen(files, handles)`: handles is null where the browser gives none that outlive a reload; `failed(sentence)`. */
  constructor({ section, chosen, failed }) {
    Object.assign(this, { chosen, failed });
    const drop = section.querySelector("[data-drop]");
    const folder = section.querySelector("[data-folder]");
    for (const input of [folder, section.querySelector("[data-files]")]) {
      input.addEventListener("change", () => chosen(worthwhile([...input.files]), null));
    }
    if (globalThis.showDirectoryPicker) folder.addEventListener("click", (event) => this.pick(event));
    drop.addEventListener("dragover", (event) => {
      event.preventDefault();
      drop.dataset.over = "";
    });
    drop.addEventListener("dragleave", () => delete drop.dataset.over);
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      delete drop.dataset.over;
      this.drop(event.dataTransfer).catch(() => this.refuse());
    });
  }

  /** Ask for a folder in the way that gives a handle. */
  async pick(event) {
    event.preventDefault();
    try {
      const handle = await globalThis.showDirectoryPicker({ id: "corelab" });
      this.chosen(worthwhile(await filesOf([handle])), [handle]);
    } catch (error) {
      // Closed without a choice.
      if (error.name !== "AbortError") this.refuse();
    }
  }

  refuse() {
    this.failed(gettext("What was chosen could not be read, and nothing of it was taken. Look whether it is still there and may be opened, then choose it again."));
  }

  async drop(transfer) {
    // All asked for at once: after the first wait the browser forgets what was dropped.
    const items = [...transfer.items].filter((item) => item.kind === "file");
    const asked = items.map((item) => item.getAsFileSystemHandle?.());
    const entries = items.map((item) => item.webkitGetAsEntry?.());
    const plain = [...transfer.files];
    const handles = (await Promise.all(asked).catch(() => [])).filter(Boolean);
    if (handles.length) return this.chosen(worthwhile(await filesOf(handles)), handles);
    const known = entries.filter(Boolean);
    const files = known.length ? (await Promise.all(known.map(walk))).flat() : plain;
    return this.chosen(worthwhile(files), null);
  }
}

/** The files behind handles that were kept, null where the person or the browser does not open them again. */
export async function reopened(handles) {
  try {
    for (const handle of handles) {
      const asked = { mode: "read" };
      const state = await handle.queryPermission?.(asked) ?? "granted";
      if (state !== "granted" && await handle.requestPermission(asked) !== "granted") return null;
    }
    return worthwhile(await filesOf(handles));
  } catch {
    return null;
  }
}

async function filesOf(handles) {
  const found = [];
  for (const handle of handles) {
    if (handle.kind === "file") found.push(await handle.getFile());
    else found.push(...await inside(handle));
  }
  return found;
}

async function inside(folder) {
  const within = [];
  for await (const handle of folder.values()) within.push(handle);
  return filesOf(within);
}

async function walk(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => { entry.file(resolve, reject); })];
  const reader = entry.createReader();
  const found = [];
  // readEntries gives at most a hundred at a time.
  for (;;) {
    const some = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (!some.length) break;
    found.push(...some);
  }
  return (await Promise.all(found.map(walk))).flat();
}

function worthwhile(files) {
  const whole = files.filter((file) => file.size > 0 && !file.name.startsWith(HIDDEN));
  return whole.length ? whole : files.slice(0, 1);
}
