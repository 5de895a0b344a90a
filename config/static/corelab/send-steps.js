// Six steps on one page: one is shown, the way above says which, and the focus goes to its heading.

export class Steps {
  constructor({ root, way }) {
    this.root = root;
    this.way = way;
    this.order = [...way.querySelectorAll("[data-mark]")].map((mark) => mark.dataset.mark);
    way.hidden = false;
    for (const each of root.querySelectorAll("[data-scripted]")) each.hidden = false;
  }

  section(name) {
    return this.root.querySelector(`[data-step="${name}"]`);
  }

  /** Show this step alone. Nobody's focus is moved when the page opens. */
  go(name, { quietly = false } = {}) {
    this.now = name;
    for (const one of this.order) this.section(one).hidden = one !== name;
    const reached = this.order.indexOf(name);
    for (const [place, mark] of [...this.way.children].entries()) {
      mark.toggleAttribute("data-done", place < reached);
      if (place === reached) mark.setAttribute("aria-current", "step");
      else mark.removeAttribute("aria-current");
    }
    if (quietly) return;
    this.section(name).querySelector("h2").focus();
    scrollTo({ top: 0 });
  }

  previous() {
    this.go(this.order[this.order.indexOf(this.now) - 1]);
  }
}

/** One polite line, at most once a second: the last of what was said meanwhile. */
export function politely(line) {
  let waiting = null;
  let timer = null;
  const speak = () => {
    timer = null;
    if (waiting === null) return;
    line.textContent = waiting;
    waiting = null;
    timer = setTimeout(speak, 1_000);
  };
  return (sentence) => {
    waiting = sentence;
    timer ??= setTimeout(speak, line.textContent ? 1_000 : 0);
  };
}

/** An element with its attributes and what it holds; text is text, never markup. */
export function made(name, told = {}, ...within) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(told)) {
    if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null) element.setAttribute(key, value);
  }
  element.append(...within.filter((one) => one !== null));
  return element;
}

/** A day of DICOM with its month in words, as pages tell it; what is no day, as it is. */
export function day(digits) {
  const [, year, month, date] = /^(\d{4})(\d{2})(\d{2})$/.exec(digits) ?? [];
  const at = new Date(Date.UTC(year, month - 1, date));
  if (at.getUTCDate() !== Number(date)) return digits;
  // Day, month, year in every language; English by its American months, since the British write "Sept".
  const language = document.documentElement.lang.replace(/^en$/, "en-US");
  const parts = new Intl.DateTimeFormat(language, { day: "2-digit", month: "short", year: "numeric", timeZone: "UTC" }).formatToParts(at);
  return ["day", "month", "year"].map((name) => parts.find(({ type }) => type === name).value).join(" ");
}

/** Bytes in words. */
export function megabytes(size) {
  return interpolate(gettext("%s MB"), [(size / 1e6).toFixed(1)]);
}
