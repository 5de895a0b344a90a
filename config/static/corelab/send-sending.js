// Step five: a line for each series, reading, cleaned, sent, accepted, in words; nothing for single files.

import { Items } from "./send-items.js";
import { seriesOf } from "./send-survey.js";
import { made, megabytes } from "./send-steps.js";
import { Transfer } from "./send-transfer.js";

const REDRAW = 250;

export class Sending {
  constructor({ section, line, notes, say }) {
    Object.assign(this, { section, line, notes, say });
    this.items = [];
    this.lines = new Map();
  }

  part(name) {
    return this.section.querySelector(`[data-${name}]`);
  }

  /** Send all of it and say that it was all. Throws Refusal; what arrived is kept, and calling it again goes on. */
  async run({ root, delivery, piece, sources, cleaners, isCleaned, boxes }) {
    this.delivery = delivery;
    this.total = sources.reduce((sum, one) => sum + one.size, 0);
    this.items = [];
    this.refusals = new Map();
    this.lines = new Map(seriesOf(sources).map((series) => [series.uid, lineOf(series)]));
    this.part("lines").replaceChildren(...[...this.lines.values()].map((line) => line.row));
    this.part("may-close").textContent = gettext("Keep this page open until all has arrived.");
    this.draw();
    const items = new Items({ delivery, sources, cleaners, isCleaned, boxes, piece, notes: this.notes, told: (...told) => this.tell(...told) });
    const transfer = new Transfer({ line: this.line, root, piece, heard: (item) => this.hear(item) });
    await transfer.send(items);
    await transfer.complete();
    this.redraw();
    this.part("may-close").textContent = gettext("All has arrived and is stored encrypted. You may close this page.");
  }

  tell(source, stage, sentence = "") {
    this.lines.get(source.head?.series ?? "")[stage] += 1;
    if (sentence) this.refusals.set(sentence, (this.refusals.get(sentence) ?? 0) + 1);
    this.redraw();
  }

  hear(item) {
    this.items.push(item);
    this.lines.get(item.source.head?.series ?? "").sent += 1;
    if (item.original) this.notes.keep(this.delivery, item.original, { size: item.size, hashes: item.hashes, claim: item.claim });
    this.redraw();
  }

  /** `numbers` are the files that the core laboratory filed; returns each series with what became of it. */
  accept(numbers) {
    const lines = [...this.lines.values()];
    for (const line of lines) line.accepted = 0;
    for (const item of this.items) {
      if (numbers.has(item.number)) this.lines.get(item.source.head?.series ?? "").accepted += 1;
    }
    this.redraw();
    return lines.filter((line) => line.accepted).map((line) => [line.label, stateOf(line)]);
  }

  redraw() {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.draw();
    }, REDRAW);
  }

  draw() {
    for (const line of this.lines.values()) line.state.textContent = stateOf(line);
    const kept = [...this.refusals].map(([sentence, count]) => {
      const stay = ngettext("%s file stays on this computer:", "%s files stay on this computer:", count);
      return made("p", { class: "notice notice--warn" }, `${interpolate(stay, [count])} ${sentence}`);
    });
    this.part("kept").replaceChildren(...kept);
    const done = this.items.reduce((sum, item) => sum + item.source.size, 0);
    const sentence = interpolate(gettext("%(done)s of %(total)s sent"), { done: megabytes(done), total: megabytes(this.total) }, true);
    this.part("progress").value = this.total ? (100 * done) / this.total : 100;
    this.part("sent").textContent = sentence;
    this.say(sentence);
  }
}

function lineOf(series) {
  const isRead = Boolean(series.head);
  const label = isRead
    ? [series.head.modality, series.head.series_description].filter(Boolean).join(" · ")
    : gettext("Files that are opened at the core laboratory");
  const state = made("td", {});
  const row = made("tr", {}, made("th", { scope: "row" }, label), made("td", { class: "number" }, String(series.sources.length)), state);
  return { label, isRead, row, state, total: series.sources.length, cleaned: 0, sealed: 0, refused: 0, sent: 0, accepted: 0 };
}

function stateOf(line) {
  const rest = line.total - line.refused;
  const told = { cleaned: line.cleaned, sent: line.sent, total: line.total };
  if (line.accepted) return interpolate(gettext("accepted: %(done)s of %(total)s."), { done: line.accepted, total: rest }, true) + apartOf(line);
  if (line.sent >= rest) return gettext("sent.") + apartOf(line);
  if (line.cleaned) return interpolate(gettext("%(cleaned)s cleaned, %(sent)s of %(total)s sent."), told, true) + apartOf(line);
  if (line.sent) return interpolate(gettext("%(sent)s of %(total)s sent."), told, true) + apartOf(line);
  return gettext("reading.") + apartOf(line);
}

/** Which of a series go another way, or none. */
function apartOf({ isRead, sealed, refused }) {
  const told = [];
  if (isRead && sealed) told.push(interpolate(ngettext("%s goes encrypted and is cleaned there.", "%s go encrypted and are cleaned there.", sealed), [sealed]));
  if (refused) told.push(interpolate(ngettext("%s stays on this computer.", "%s stay on this computer.", refused), [refused]));
  return told.map((sentence) => ` ${sentence}`).join("");
}
