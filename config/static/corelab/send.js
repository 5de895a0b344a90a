// Sends a scan in six steps on one page. What is known is noted in this browser, so that a reload goes on where it was.
// File names never leave this page: a file travels as a number.

import { showUnreadable } from "./send-boxes.js";
import { startCleaners } from "./send-cleaners.js";
import { Picker, reopened } from "./send-files.js";
import { showFound, showUnread } from "./send-found.js";
import { Line, Refusal } from "./send-line.js";
import { Notes } from "./send-notes.js";
import { Recalled, showAgain } from "./send-recalled.js";
import { showReceipt } from "./send-receipt.js";
import { showRemoved, showRemovedThere } from "./send-removed.js";
import { Sending } from "./send-sending.js";
import { Session } from "./send-session.js";
import { Steps, megabytes, politely } from "./send-steps.js";
import { sourcesOf, survey } from "./send-survey.js";
import { thumbnails } from "./send-thumbnails.js";
import { intakeWords } from "./send-words.js";

class SendPage {
  constructor(root) {
    const { account, trial } = root.dataset;
    this.root = root;
    this.form = root.querySelector("[data-form]");
    this.error = document.querySelector("[data-error]");
    this.say = politely(document.querySelector("[data-status]"));
    this.steps = new Steps({ root, way: document.querySelector("[data-way]") });
    const session = new Session({ dialog: document.querySelector("[data-sign-in]"), form: this.form, account });
    this.line = new Line({ session, say: this.say, notice: document.querySelector("[data-line]") });
    this.notes = new Notes({ account, trial });
    this.recalled = new Recalled({ room: root.querySelector("[data-recalled]"), notes: this.notes, goOn: (note) => this.attempt(() => this.goOn(note)) });
    this.sending = new Sending({ section: this.steps.section("sending"), line: this.line, notes: this.notes, say: this.say });
    new Picker({ section: this.steps.section("files"), chosen: (files, handles) => this.choose(files, handles), failed: (sentence) => this.fail(sentence) });
    this.clear();
  }

  /** Nothing is chosen, nothing is under way. */
  clear() {
    Object.assign(this, { files: [], handles: null, found: null, sources: [], boxes: new Map(), isCleaned: false, delivery: null, resumed: null });
  }

  async open() {
    for (const [name, act] of Object.entries({ next: () => this.next(), back: () => this.steps.previous(), anew: () => this.anew(), resume: () => this.send() })) {
      for (const button of this.root.querySelectorAll(`[data-${name}]`)) button.addEventListener("click", () => this.attempt(act));
    }
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.steps.go("subject", { quietly: true });
    await this.recalled.show();
  }

  /** Take over a sending as it is noted now: another window may have had it since it was told of. */
  async goOn(told) {
    if (!await this.notes.take(told)) throw new Refusal(gettext("Another window of this browser goes on with this sending already."));
    const note = await this.notes.read();
    if (!note.visit) return this.recalled.show();
    this.clear();
    Object.assign(this, { visit: note.visit, delivery: note.delivery, boxes: new Map(note.boxes), resumed: note.delivery && note });
    this.label(note.label);
    if (note.isComplete) return this.receipt();
    // First, since the browser asks the person only while it remembers the press of the button.
    const files = note.handles ? await reopened(note.handles) : null;
    const expected = await this.line.get(this.root.dataset.expected.replace("/0/", `/${note.visit}/`));
    this.requirements = expected.requirements;
    await this.recalled.show();
    showAgain(this.root, note);
    this.begin();
    this.steps.go("files");
    if (!files) return null;
    this.choose(files, note.handles);
    return this.next();
  }

  async anew() {
    await this.notes.forget();
    this.clear();
    await this.recalled.show();
    this.root.querySelector("[data-again]").hidden = true;
    this.root.querySelector("[data-chosen]").textContent = gettext("Nothing chosen yet.");
    this.steps.go("subject");
  }

  /** Do one step; what is refused is told in one place, and focused. */
  async attempt(act) {
    if (this.busy) return;
    this.work(true);
    this.error.hidden = true;
    try {
      await act();
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error);
      this.fail(error instanceof Refusal ? error.message : gettext("Something went wrong on this page. What was sent is kept; load the page again and go on."));
    } finally {
      this.work(false);
    }
  }

  /** While a step is at work, no other begins. */
  work(is) {
    this.busy = is;
    for (const button of this.root.querySelectorAll("[data-next], [data-back]")) button.disabled = is;
  }

  fail(sentence) {
    this.error.textContent = sentence;
    this.error.hidden = false;
    this.error.focus();
  }

  next() {
    return { subject: () => this.toFiles(), files: () => this.toFound(), found: () => this.toRemoved(), removed: () => this.send() }[this.steps.now]();
  }

  label(text) {
    this.visitLabel = text;
    for (const each of this.root.querySelectorAll("[data-for]")) each.textContent = interpolate(gettext("For %s"), [text]);
  }

  async toFiles() {
    const choice = this.form.elements.time_point;
    if (!choice?.value) throw new Refusal(gettext("Choose subject and time point first."));
    if (!globalThis.crypto.subtle) throw new Refusal(gettext("This page was opened without https, so this browser does not let it work with files. Open it under https, or ask the operator of this installation."));
    const { requirements } = await this.line.get(this.root.dataset.expected.replace("/0/", `/${choice.value}/`));
    this.requirements = requirements;
    // Another visit is another delivery.
    if (this.visit !== choice.value) this.delivery = this.resumed = null;
    this.visit = choice.value;
    this.label(choice.selectedOptions[0].textContent.trim());
    if (this.files.length) await this.notes.begin({ ...this.chosen(), delivery: this.delivery });
    this.begin();
    this.steps.go("files");
  }

  /** The engine starts while somebody chooses files. */
  begin() {
    // Another where the last of its workers was lost.
    if (this.engine && !this.engine.size) this.started = this.engine = null;
    this.started ??= startCleaners(this.root.dataset);
  }

  choose(files, handles) {
    // A large folder is listed late, when another step may be at work on what was chosen before.
    if (this.sendingNow || this.steps.now !== "files") return;
    const size = files.reduce((sum, file) => sum + file.size, 0);
    const told = { count: files.length, size: megabytes(size) };
    const sentence = interpolate(ngettext("%(count)s file, %(size)s", "%(count)s files, %(size)s", files.length), told, true);
    this.root.querySelector("[data-chosen]").textContent = sentence;
    this.say(sentence);
    this.error.hidden = true;
    const { resumed } = this;
    Object.assign(this, { files, handles, size, found: null });
    // Other files open a delivery of their own.
    if (!resumed) this.delivery = null;
    this.noted = this.notes.begin({ ...this.chosen(), delivery: this.delivery });
  }

  /** What the notes keep of a sending; a name stands in nothing of it but the handles. */
  chosen() {
    const { visit, visitLabel: label, handles, boxes, files, size, isCleaned } = this;
    return { visit, label, handles, boxes: [...boxes], files: files.length, size, isCleaned, isComplete: false, isBegun: false };
  }

  async toFound() {
    if (!this.files.length) throw new Refusal(gettext("Choose a folder, files or an archive first."));
    const { resumed } = this;
    const isOther = resumed && (resumed.files !== this.files.length || resumed.size !== this.size);
    // A delivery that was only opened holds nothing yet.
    if (isOther && !resumed.isBegun) this.delivery = this.resumed = null;
    if (isOther && resumed.isBegun) {
      throw new Refusal(interpolate(gettext("These are not the files of the interrupted sending, which were %(count)s of %(size)s. Choose the same folder, or begin another sending."), { count: resumed.files, size: megabytes(resumed.size) }, true));
    }
    const section = this.steps.section("found");
    section.querySelector("[data-found-words]").textContent = gettext("The files are looked at on this computer…");
    this.steps.go("found");
    const { cleaners: engine = null, why = "no-memory" } = await this.started;
    await engine?.renewing;
    const cleaners = engine?.size ? engine : null;
    Object.assign(this, { engine, cleaners });
    this.intake(cleaners ? "" : intakeWords(why));
    this.thumbnail = thumbnails(cleaners);
    if (!cleaners) {
      this.sources = sourcesOf(this.files);
      return showUnread({ section, files: this.files, requirements: this.requirements });
    }
    const bar = section.querySelector("[data-found-bar]");
    bar.hidden = false;
    this.found ??= await survey(this.files, cleaners, (done, total) => { bar.value = (100 * done) / total; });
    bar.hidden = true;
    const chosen = (sources) => { this.sources = sources && [...sources, ...this.found.raw]; };
    return showFound({ section, found: this.found, requirements: this.requirements, thumbnail: this.thumbnail, chosen });
  }

  /** Say why files go to the encrypted intake; "" where they are cleaned here. */
  intake(sentence) {
    for (const notice of this.root.querySelectorAll("[data-intake]")) {
      notice.hidden = !sentence;
      notice.textContent = sentence;
    }
  }

  async toRemoved() {
    if (!this.sources) throw new Refusal(gettext("Mark what belongs to this visit first."));
    if (!this.sources.length) throw new Refusal(gettext("Nothing here can be sent. Choose other files."));
    const section = this.steps.section("removed");
    this.isCleaned = Boolean(this.cleaners) && await this.delivering(() => this.keys());
    const isOtherWay = Boolean(this.resumed?.isBegun) && this.resumed.isCleaned !== this.isCleaned;
    // What arrived cleaned cannot be completed by what is not, nor the other way round.
    if (isOtherWay) {
      this.delivery = this.resumed = null;
      await this.askAgain();
    }
    this.steps.go("removed");
    if (isOtherWay) this.fail(gettext("Before the interruption these files went another way: cleaned on this computer, or encrypted to be cleaned there. The two do not fit together, so all of them are sent again, in a delivery of their own. What had arrived stays encrypted until it is discarded."));
    const { cleaners, boxes, thumbnail } = this;
    const sources = this.sources.filter((one) => one.head);
    if (!this.isCleaned || !sources.length) return showRemovedThere({ section });
    return showRemoved({ section, sources, cleaners, boxes, thumbnail, isFixed: Boolean(this.resumed?.isBegun) });
  }

  /** The keys belong to a delivery: another asks for its own. */
  async askAgain() {
    if (this.isCleaned) this.isCleaned = await this.delivering(() => this.keys());
  }

  /** Ask for the keys of this subject: whether there are any; where not, everything goes to the encrypted intake. */
  async keys() {
    const { id } = await this.opened();
    const keys = await this.line.text(`${this.root.dataset.start}${id}/cleaning/`, {});
    const { offered, why } = JSON.parse(keys);
    const unable = offered ? await this.cleaners.open(keys) : "";
    const can = offered && !unable;
    if (!can) this.intake(offered ? intakeWords(unable) : why);
    return can;
  }

  async opened() {
    if (!this.delivery) {
      await this.noted;
      // What was sent under the keys of another subject is no help here.
      await this.notes.forget();
      const told = { time_point: Number(this.visit), files: this.files.length, size: this.size };
      this.delivery = await this.line.post(this.root.dataset.start, told);
      await this.notes.add({ ...this.chosen(), delivery: this.delivery });
    }
    return this.delivery;
  }

  async send() {
    if (showUnreadable(this.steps.section("removed"))) {
      throw new Refusal(gettext("A line of the boxes cannot be read, so nothing was sent. Correct that line or take it out."));
    }
    if (!this.delivery) await this.askAgain();
    const delivery = await this.opened();
    const { id, piece } = delivery;
    const { boxes, sources, cleaners, isCleaned } = this;
    await this.notes.add({ ...this.chosen(), delivery, isBegun: true });
    this.steps.go("sending");
    this.underWay(true);
    try {
      await this.delivering(() => this.sending.run({ root: `${this.root.dataset.start}${id}/`, delivery: id, piece, sources, cleaners, isCleaned, boxes }));
      await this.notes.complete();
    } finally {
      this.underWay(false);
    }
    this.receipt();
  }

  /** Do what belongs to the delivery; where it takes nothing more, the next try opens one of its own. */
  async delivering(act) {
    try {
      return await act();
    } catch (error) {
      if (error.ends) {
        if (this.delivery) await this.notes.forget();
        this.delivery = this.resumed = null;
      }
      throw error;
    }
  }

  underWay(is) {
    this.sendingNow = is;
    for (const name of ["resume", "anew"]) this.steps.section("sending").querySelector(`[data-${name}]`).hidden = is;
    globalThis.onbeforeunload = is ? (event) => event.preventDefault() : null;
  }

  /** Show the receipt; it fills by itself, and whoever begins another sending meanwhile is not held up. */
  receipt() {
    const { root, line, say, sending, delivery } = this;
    const section = this.steps.section("receipt");
    this.steps.go("receipt");
    const accepted = (numbers) => sending.accept(numbers);
    const isShown = () => this.delivery === delivery;
    showReceipt({ section, root, delivery: delivery.id, line, items: sending.items, accepted, say, isShown })
      .catch((error) => this.fail(error.message));
  }
}

const root = document.querySelector("[data-send]");
if (root) new SendPage(root).open();
