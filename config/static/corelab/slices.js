// Walks through a series slice by slice without loading the page again.
/* global gettext, interpolate: of Django's JavaScriptCatalog, on every page */

const box = document.querySelector("[data-slices]");
if (box) setUp(box);

function setUp(box) {
  const picture = box.querySelector("img");
  const field = box.querySelector("input[name=slice]");
  const preset = box.querySelector("select[name=window]");
  const last = Number(box.dataset.last);
  const show = (index) => {
    field.value = Math.min(Math.max(index, 0), last);
    const url = box.dataset.url.replace("/0.png", `/${field.value}.png`);
    picture.src = `${url}?window=${preset.value}`;
    picture.alt = interpolate(gettext("Slice %(slice)s of %(last)s"), { slice: field.value, last }, true);
  };
  const steps = { PageDown: 1, PageUp: -1 };
  document.addEventListener("keydown", (event) => {
    if (!(event.key in steps)) return;
    event.preventDefault();
    show(Number(field.value) + steps[event.key]);
  });
  field.addEventListener("input", () => show(Number(field.value)));
  preset.addEventListener("change", () => show(Number(field.value)));
}
