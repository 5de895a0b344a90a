// Sendings that this browser remembers, told in words: before somebody goes on with one, and while files are chosen again.

import { freed } from "./send-notes.js";
import { made, megabytes } from "./send-steps.js";

export class Recalled {
  /** `goOn(note)` goes on with a sending. */
  constructor({ room, notes, goOn }) {
    Object.assign(this, { room, notes, goOn });
    this.awaited = new Set();
    notes.heard(() => this.show());
  }

  /** Tell of what was begun before this page was loaded, and of what another window is at. */
  async show() {
    const notes = await this.notes.others();
    const elsewhere = notes.filter((note) => note.isElsewhere && !note.isComplete);
    const free = notes.filter((note) => !note.isElsewhere);
    const interrupted = free.filter((note) => note.isBegun && !note.isComplete);
    // Of what waits for nothing, the last alone is worth a word.
    const worthy = interrupted.length ? interrupted : free.slice(0, 1);
    for (const note of free.filter((one) => !worthy.includes(one))) await this.notes.forget(note);
    this.room.replaceChildren(
      ...elsewhere.map((note) => made("p", { class: "notice" }, underWay(note))),
      ...worthy.map((note, place) => this.offer(note, place)),
    );
    for (const note of elsewhere) this.wait(note);
  }

  offer(note, place) {
    const words = made("p", { id: `recalled-${place}` }, interpolate(recalled(note), [note.label]));
    const button = (look, word, act) => {
      const one = made("button", { class: look, type: "button", "aria-describedby": words.id }, word);
      one.addEventListener("click", act);
      return one;
    };
    return made("div", { class: "notice" }, words, made("div", { class: "toolbar" },
      button("button", note.isComplete ? gettext("Show its receipt") : gettext("Go on with it"), () => this.goOn(note)),
      button("button button--quiet", gettext("Begin another"), () => this.forget(note))));
  }

  async forget(note) {
    await this.notes.forget(note);
    await this.show();
    this.room.closest("section").querySelector("h2").focus();
  }

  /** Once that window is closed, its sending may go on here. */
  async wait(note) {
    if (this.awaited.has(note.key)) return;
    this.awaited.add(note.key);
    await freed(note);
    this.awaited.delete(note.key);
    await this.show();
  }
}

function underWay({ label }) {
  return interpolate(gettext("Another window of this browser is at a sending for %s. Go on with that one there; here you can send another scan."), [label]);
}

function recalled({ isBegun, isComplete }) {
  if (isComplete) return gettext("Your last sending, for %s, has arrived. Look at its receipt, or send another scan.");
  if (isBegun) return gettext("A sending for %s was interrupted here. What arrived is kept: go on, and only the rest is sent.");
  return gettext("You had begun to send for %s. Nothing was sent yet: go on where you were.");
}

/** Which files are awaited; nothing is said of them where none was sent yet. */
export function showAgain(root, { isBegun, files, size }) {
  const again = root.querySelector("[data-again]");
  again.hidden = !isBegun;
  const sentence = ngettext(
    "Choose the same file (%(size)s) again: what arrived is known by its content, and only the rest is sent.",
    "Choose the same %(count)s files (%(size)s) again: what arrived is known by its content, and only the rest is sent.",
    files,
  );
  again.querySelector("[data-again-words]").textContent = interpolate(sentence, { count: files, size: megabytes(size) }, true);
}
