// A sending that this browser remembers, told in words: before somebody goes on with it, and while the files are chosen again.

import { megabytes } from "./send-steps.js";

/** Tell of what was begun before this page was loaded. */
export function showRecalled(root, note) {
  root.querySelector("[data-interrupted-words]").textContent = interpolate(recalled(note), [note.label]);
  root.querySelector("[data-go-on]").textContent = note.isComplete ? gettext("Show its receipt") : gettext("Go on with it");
  root.querySelector("[data-interrupted]").hidden = false;
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
  again.textContent = interpolate(
    gettext("Choose the same %(count)s files (%(size)s) again: what arrived is known by its content, and only the rest is sent."),
    { count: files, size: megabytes(size) }, true);
}
