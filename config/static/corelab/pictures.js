// Boxes on a picture: drawn by dragging, listed as lines of four numbers, which can be typed just as well.

const room = document.querySelector("[data-pictures]");
const field = document.querySelector("textarea[name=boxes]");
if (room && field) setUp(room, field);

function setUp(room, field) {
  const picture = room.querySelector("img");
  const sheet = room.querySelector("svg");
  const unsaved = document.querySelector("[data-unsaved]");
  const firm = [...document.querySelectorAll("[data-firm]")].map((each) => numbers(each.dataset.firm));
  const saved = field.value;
  let start = null;

  const draw = (current) => {
    sheet.setAttribute("viewBox", `0 0 ${picture.naturalWidth} ${picture.naturalHeight}`);
    const typed = field.value.split("\n").map(numbers);
    const shown = [...firm.map((box) => [box, "firm"]), ...typed.map((box) => [box, ""]), [current ?? [], ""]];
    sheet.replaceChildren(...shown.filter(([box]) => isBox(box)).map(([box, kind]) => rectangle(box, kind)));
    unsaved.hidden = field.value === saved;
  };
  const place = (event) => {
    const frame = sheet.getBoundingClientRect();
    const across = (event.clientX - frame.left) / frame.width;
    const down = (event.clientY - frame.top) / frame.height;
    return [clamp(across) * picture.naturalWidth, clamp(down) * picture.naturalHeight];
  };
  const boxTo = (event) => {
    const end = place(event);
    const edges = [0, 1].map((axis) => [Math.min(start[axis], end[axis]), Math.max(start[axis], end[axis])]);
    return [Math.floor(edges[0][0]), Math.floor(edges[1][0]), Math.ceil(edges[0][1]), Math.ceil(edges[1][1])];
  };

  sheet.addEventListener("pointerdown", (event) => {
    start = place(event);
    sheet.setPointerCapture(event.pointerId);
  });
  sheet.addEventListener("pointermove", (event) => start && draw(boxTo(event)));
  sheet.addEventListener("pointerup", (event) => {
    if (!start) return;
    const box = boxTo(event);
    start = null;
    // A click without a drag is no box.
    if (box[2] - box[0] > 2 && box[3] - box[1] > 2) field.value = `${field.value.trimEnd()}\n${box.join(" ")}`.trim();
    draw();
  });
  sheet.addEventListener("pointercancel", () => { start = null; draw(); });
  field.addEventListener("input", () => draw());
  picture.addEventListener("load", () => draw());
  if (picture.complete && picture.naturalWidth) draw();
}

function numbers(line) {
  return line.replaceAll(",", " ").trim().split(/\s+/).map(Number);
}

function isBox(box) {
  return box.length === 4 && box.every(Number.isInteger) && box[2] > box[0] && box[3] > box[1];
}

function rectangle([left, top, right, bottom], kind) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  const told = { x: left, y: top, width: right - left, height: bottom - top, class: kind };
  for (const [name, value] of Object.entries(told)) made.setAttribute(name, value);
  return made;
}

function clamp(share) {
  return Math.min(Math.max(share, 0), 1);
}
