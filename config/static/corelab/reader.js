// The reading desk: shows frames made by the server and places the two ends of a caliper, by mouse or by keys.
// Lengths shown here are a preview; the one recorded is worked out by the server from the stored geometry.

const WINDOWS = ["soft-tissue", "lung", "bone", "brain", "liver", "mediastinum"];
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const INK = { cursor: "#5ee6ff", line: "#ffd23f", recorded: "#7dff9b" };
const KEPT = 60;
const LARGEST = 6;
const box = document.querySelector("[data-reader]");
if (box) setUp(box);

function setUp(box) {
  const find = (selector) => box.querySelector(selector);
  const canvas = find("canvas");
  const stage = find(".reader__stage");
  const pen = canvas.getContext("2d");
  const field = find("input[name=frame]");
  const preset = find("select[name=window]");
  const record = find("[data-record]");
  const status = find("[data-status]");
  const word = box.dataset;
  const last = Number(word.last);
  const spacing = word.spacing ? word.spacing.split(",").map(Number) : null;
  const pictures = new Map();
  const state = { frame: Number(field.value), zoom: 1, cursor: null, ends: [], shown: null, lesion: "" };
  const decimal = new Intl.NumberFormat(document.documentElement.lang, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  let speaking = 0;

  const rows = () => [...document.querySelectorAll("#findings tr[data-lesion]")];
  const measurable = () => rows().filter((row) => "measurable" in row.dataset);
  const factor = () => (Math.max(stage.clientWidth, 200) / state.shown.naturalWidth) * state.zoom;

  // Frames: asked for by position, kept in memory while the page is open, the neighbours ahead of need.
  const address = (index) => `${word.url.replace("/frames/0.png", `/frames/${index}.png`)}?window=${preset.value}`;

  function picture(index) {
    const url = address(index);
    if (!pictures.has(url)) {
      const image = new Image();
      image.src = url;
      pictures.set(url, image);
      if (pictures.size > KEPT) pictures.delete(pictures.keys().next().value);
    }
    return pictures.get(url);
  }

  async function show(index) {
    const wanted = Math.min(Math.max(Number(index) || 0, 0), last);
    if (wanted !== state.frame) state.ends = [];
    state.frame = wanted;
    const image = picture(wanted);
    try {
      await image.decode();
    } catch {
      pictures.delete(address(wanted));
      say(word.wordNoimage);
      return;
    }
    if (state.frame !== wanted) return;
    field.value = wanted;
    state.shown = image;
    state.cursor ??= { row: Math.floor(image.naturalHeight / 2), column: Math.floor(image.naturalWidth / 2) };
    draw();
    [wanted + 1, wanted - 1, wanted + 2].filter((next) => next >= 0 && next <= last).forEach(picture);
  }

  // Drawing.
  function draw() {
    if (!state.shown) return;
    const size = factor();
    canvas.width = Math.round(state.shown.naturalWidth * size);
    canvas.height = Math.round(state.shown.naturalHeight * size);
    pen.imageSmoothingEnabled = size < 1;
    pen.drawImage(state.shown, 0, 0, canvas.width, canvas.height);
    rows().forEach((row) => drawRecorded(row, size));
    if (state.ends.length === 2) stroke(...state.ends, size, INK.line);
    state.ends.forEach((end) => cross(end, 7, size, INK.line));
    cross(state.cursor, 12, size, INK.cursor);
    if (record) record.disabled = !(state.ends.length === 2 && state.lesion);
    describe();
  }

  function drawRecorded(row, size) {
    const { line, series, frame, lesion } = row.dataset;
    if (!line || series !== word.series || Number(frame) !== state.frame) return;
    const [r1, c1, r2, c2] = line.split(",").map(Number);
    stroke({ row: r1, column: c1 }, { row: r2, column: c2 }, size, INK.recorded);
    pen.fillStyle = INK.recorded;
    pen.font = "14px sans-serif";
    pen.fillText(lesion, c2 * size + 8, r2 * size - 4);
  }

  function stroke(from, to, size, ink) {
    pen.strokeStyle = ink;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.moveTo(from.column * size, from.row * size);
    pen.lineTo(to.column * size, to.row * size);
    pen.stroke();
  }

  function cross({ row, column }, reach, size, ink) {
    const arm = reach / size;
    stroke({ row: row - arm, column }, { row: row + arm, column }, size, ink);
    stroke({ row, column: column - arm }, { row, column: column + arm }, size, ink);
  }

  // Words: one line, at most a few times a second, for eyes and for screen readers.
  function describe() {
    const parts = [
      `${word.wordSlice} ${state.frame} / ${last}`,
      preset.selectedOptions[0].textContent.trim(),
      `${word.wordCross} ${round(state.cursor.row)}, ${round(state.cursor.column)}`,
      state.lesion ? `${word.wordLesion} ${state.lesion}` : word.wordNolesion,
      `${word.wordEnds} ${state.ends.length}`,
    ];
    if (state.ends.length === 2 && spacing) parts.push(`${decimal.format(length(...state.ends))} mm`);
    say(parts.join(" · "));
  }

  function say(text) {
    clearTimeout(speaking);
    speaking = setTimeout(() => (status.textContent = text), 250);
  }

  const round = (value) => Math.round(value * 10) / 10;
  const length = (from, to) =>
    Math.hypot((to.row - from.row) * spacing[0], (to.column - from.column) * spacing[1]);

  // The caliper.
  function move([down, right], step) {
    const within = (value, most) => Math.min(Math.max(value, 0), most);
    state.cursor = {
      row: within(state.cursor.row + down * step, state.shown.naturalHeight),
      column: within(state.cursor.column + right * step, state.shown.naturalWidth),
    };
    draw();
    keepInView();
  }

  function keepInView() {
    const [x, y, edge] = [state.cursor.column * factor(), state.cursor.row * factor(), 40];
    if (x < stage.scrollLeft + edge || x > stage.scrollLeft + stage.clientWidth - edge) {
      stage.scrollLeft = x - stage.clientWidth / 2;
    }
    if (y < stage.scrollTop + edge || y > stage.scrollTop + stage.clientHeight - edge) {
      stage.scrollTop = y - stage.clientHeight / 2;
    }
  }

  function place() {
    state.ends = state.ends.length === 2 ? [{ ...state.cursor }] : [...state.ends, { ...state.cursor }];
    draw();
  }

  function undo() {
    state.ends.pop();
    draw();
  }

  function zoom(by) {
    state.zoom = Math.min(Math.max(state.zoom * by, 0.25), LARGEST);
    draw();
    keepInView();
  }

  function choose(label) {
    state.lesion = label;
    rows().forEach((row) => {
      if (row.dataset.lesion === label) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    });
    draw();
  }

  function chooseNext() {
    const labels = measurable().map((row) => row.dataset.lesion);
    choose(labels[(labels.indexOf(state.lesion) + 1) % labels.length] ?? "");
  }

  function send() {
    const row = measurable().find((one) => one.dataset.lesion === state.lesion);
    if (!row || state.ends.length !== 2) return;
    const form = row.querySelector("form");
    const [from, to] = state.ends;
    const told = {
      state: "measured", value: "", series: word.series, frame: state.frame, token: word.token,
      row_1: from.row, column_1: from.column, row_2: to.row, column_2: to.column,
    };
    for (const [name, value] of Object.entries(told)) form.elements[name].value = value;
    form.requestSubmit();
    state.ends = [];
  }

  // What keys, mouse and the other controls do. Keys act only while the image has the focus (WCAG 2.1.4).
  const keys = {
    PageDown: () => show(state.frame + 1), PageUp: () => show(state.frame - 1),
    Home: () => show(0), End: () => show(last),
    "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8),
    Enter: place, Escape: undo, n: chooseNext, m: send,
  };

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !state.shown) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const digit = "123456".indexOf(key);
    if (ARROWS[key]) move(ARROWS[key], event.shiftKey ? 10 : 1);
    else if (key.length === 1 && digit >= 0) choosePreset(WINDOWS[digit]);
    else if (keys[key]) keys[key]();
    else return;
    event.preventDefault();
  });

  function choosePreset(name) {
    preset.value = name;
    show(state.frame);
  }

  canvas.addEventListener("click", (event) => {
    if (!state.shown) return;
    state.cursor = { row: round(event.offsetY / factor()), column: round(event.offsetX / factor()) };
    place();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-measure]");
    if (!button) return;
    choose(button.closest("tr").dataset.lesion);
    canvas.focus();
  });
  document.addEventListener("htmx:afterSettle", () => dress());
  field.addEventListener("change", () => show(field.value));
  preset.addEventListener("change", () => show(state.frame));
  record?.addEventListener("click", send);
  box.querySelectorAll("[data-zoom]").forEach((button) => button.addEventListener("click", () => zoom(Number(button.dataset.zoom))));
  find("form").addEventListener("submit", (event) => event.preventDefault());
  new ResizeObserver(() => draw()).observe(stage);

  // The findings were replaced by the server, or the page is new: show what only works with this script.
  function dress() {
    document.querySelectorAll("[data-measure], [data-record], [data-zoom], canvas").forEach((part) => (part.hidden = false));
    choose(measurable().some((row) => row.dataset.lesion === state.lesion) ? state.lesion : "");
  }

  dress();
  show(state.frame);
}
