// Boxes over a picture: drawn on it, or typed as lines of four numbers; both say the same, and the numbers decide.

import { made } from "./send-steps.js";

const SIDE = 512;

/** The part of a series in which its boxes are made; `boxes` is a map of series to boxes {x, y, width, height}. */
export function boxesOver({ series, boxes, thumbnail, number, isFixed }) {
  const { rows, columns } = series.head;
  const field = made("textarea", { id: `boxes-${number}`, rows: "3", class: "mono", spellcheck: "false", autocomplete: "off", disabled: isFixed });
  field.value = (boxes.get(series.uid) ?? []).map(({ x, y, width, height }) => [x, y, x + width, y + height].join(" ")).join("\n");
  const error = made("p", { class: "errorlist", role: "alert" });
  const sheet = made("div", { class: "sheet" });
  const changed = () => {
    const lines = field.value.split("\n").filter((line) => line.trim());
    const read = lines.map((line) => box(line, rows, columns));
    const wrong = lines.find((line, place) => read[place] === null);
    error.textContent = wrong === undefined ? "" : interpolate(
      gettext("“%(line)s” is no box: write left, top, right, bottom as whole numbers inside %(columns)s × %(rows)s, right and bottom the larger."),
      { line: wrong, columns, rows }, true);
    boxes.set(series.uid, read.filter(Boolean));
    sheet.dispatchEvent(new Event("redraw"));
  };
  field.addEventListener("input", changed);
  thumbnail(series.sources[0], SIDE).then((picture) => picture && draw({ sheet, picture, series, boxes, isFixed, add: (line) => {
    field.value = `${field.value.trimEnd()}\n${line}`.trim();
    changed();
  } }));
  return made("div", { class: "field covering" },
    made("label", { for: `boxes-${number}` }, gettext("Boxes to cover, one a line: left, top, right, bottom")),
    made("p", { class: "help" }, isFixed
      ? gettext("A part of this delivery was sent already: its boxes stand.")
      : gettext("In pixels from the top left corner. Draw on the picture, or type. They cover every image of this series.")),
    field, error, sheet);
}

/** Show the first line that was left out since it is no box; whether there is one. */
export function showUnreadable(section) {
  const wrong = [...section.querySelectorAll(".covering .errorlist")].find((one) => one.textContent);
  if (wrong) wrong.closest("details").open = true;
  return Boolean(wrong);
}

function box(line, rows, columns) {
  const [left, top, right, bottom, ...rest] = line.replaceAll(",", " ").trim().split(/\s+/).map(Number);
  const isWhole = [left, top, right, bottom].every(Number.isInteger) && !rest.length;
  const isInside = left >= 0 && top >= 0 && right <= columns && bottom <= rows && right > left && bottom > top;
  return isWhole && isInside ? { x: left, y: top, width: right - left, height: bottom - top } : null;
}

function draw({ sheet, picture, series, boxes, isFixed, add }) {
  const { rows, columns } = series.head;
  const canvas = made("canvas", { width: picture.width, height: picture.height, role: "img",
    "aria-label": gettext("The first image with its boxes. What is drawn here can be typed above.") });
  const context = canvas.getContext("2d");
  const scale = [canvas.width / columns, canvas.height / rows];
  let start = null;
  const paint = (current) => {
    context.drawImage(picture, 0, 0);
    for (const { x, y, width, height } of [...boxes.get(series.uid) ?? [], ...current ? [current] : []]) {
      context.fillStyle = "#000";
      context.fillRect(x * scale[0], y * scale[1], width * scale[0], height * scale[1]);
      context.strokeStyle = "#ffb000";
      context.lineWidth = 2;
      context.strokeRect(x * scale[0], y * scale[1], width * scale[0], height * scale[1]);
    }
  };
  const place = (event) => {
    const frame = canvas.getBoundingClientRect();
    const share = [(event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height];
    return [clamp(share[0]) * columns, clamp(share[1]) * rows];
  };
  const boxTo = (end) => {
    const [left, right] = [start[0], end[0]].sort((one, two) => one - two);
    const [top, bottom] = [start[1], end[1]].sort((one, two) => one - two);
    return { x: Math.floor(left), y: Math.floor(top), width: Math.ceil(right) - Math.floor(left), height: Math.ceil(bottom) - Math.floor(top) };
  };
  if (!isFixed) {
    canvas.addEventListener("pointerdown", (event) => {
      start = place(event);
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => start && paint(boxTo(place(event))));
    canvas.addEventListener("pointerup", (event) => {
      if (!start) return;
      const { x, y, width, height } = boxTo(place(event));
      start = null;
      // A click without a drag is no box.
      if (width > 2 && height > 2) add([x, y, x + width, y + height].join(" "));
      else paint();
    });
    canvas.addEventListener("pointercancel", () => { start = null; paint(); });
  }
  sheet.addEventListener("redraw", () => paint());
  sheet.replaceChildren(canvas);
  paint();
}

function clamp(share) {
  return Math.min(Math.max(share, 0), 1);
}
