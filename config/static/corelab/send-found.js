// Step three: a card for each series, the patient named on this screen only, and a stop where scans are mixed.

import { comparison, imagesOf, seriesOf } from "./send-survey.js";
import { day, made, megabytes } from "./send-steps.js";

/** Show what was found; `chosen(sources)` is told which of it is to be sent, null while a person must decide. */
export function showFound({ section, found, requirements, thumbnail, chosen }) {
  const part = (name) => section.querySelector(`[data-${name}]`);
  const cards = (groups) => {
    const sources = groups.flatMap((group) => group.sources);
    const series = seriesOf(sources);
    part("person").hidden = !groups.length;
    part("person").replaceChildren(...groups.slice(0, 1).map((group) => person(group.head)));
    part("series").replaceChildren(...series.map((one) => card(one, thumbnail)));
    part("required").replaceChildren(...comparison(requirements, series).map(requirement));
    chosen(sources);
  };
  part("found-words").textContent = counted(found);
  part("mixed").hidden = found.groups.length < 2;
  if (found.groups.length < 2) {
    part("mixed").replaceChildren();
    return cards(found.groups);
  }
  for (const name of ["series", "required", "person"]) part(name).replaceChildren();
  part("person").hidden = true;
  chosen(null);
  return part("mixed").replaceChildren(mixed(found.groups, cards, () => chosen(null)));
}

/** What is known of files that this computer does not read. */
export function showUnread({ section, files, requirements }) {
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const sentence = ngettext("%(count)s file of %(size)s is chosen.", "%(count)s files of %(size)s are chosen.", files.length);
  section.querySelector("[data-found-words]").textContent = interpolate(sentence, { count: files.length, size: megabytes(size) }, true);
  const asked = requirements.map((one) => made("li", {}, made("span", { class: "badge" }, gettext("looked for on arrival")), ` ${wantedOf(one)}`));
  section.querySelector("[data-required]").replaceChildren(...asked);
  for (const name of ["series", "mixed"]) section.querySelector(`[data-${name}]`).replaceChildren();
  section.querySelector("[data-mixed]").hidden = section.querySelector("[data-person]").hidden = true;
}

function counted(found) {
  const series = found.groups.reduce((sum, group) => sum + seriesOf(group.sources).length, 0);
  const told = [
    interpolate(ngettext("%s image", "%s images", found.sources.length), [found.sources.length]),
    interpolate(ngettext("in %s series.", "in %s series.", series), [series]),
  ];
  if (found.others) {
    told.push(interpolate(ngettext("%s file is no DICOM image and stays here.", "%s files are no DICOM images and stay here.", found.others), [found.others]));
  }
  if (found.raw.length) {
    const sentence = ngettext(
      "%s file cannot be read on this computer: it goes to the core laboratory encrypted, and is cleaned there.",
      "%s files cannot be read on this computer: they go to the core laboratory encrypted, and are cleaned there.",
      found.raw.length,
    );
    told.push(interpolate(sentence, [found.raw.length]));
  }
  return told.join(" ");
}

function person(head) {
  const named = [head.patient_name, head.patient_id, day(head.birth_date)].filter(Boolean).join(" · ");
  return made("p", {}, made("strong", {}, named || gettext("These images name nobody.")), " ",
    gettext("Is this the person? The name stands on this screen only; it is not sent."));
}

function card(series, thumbnail) {
  const { head, sources } = series;
  const shown = made("p", { class: "thumbs" });
  const places = [...new Set([0, Math.floor(sources.length / 2), sources.length - 1])];
  for (const place of places) thumbnail(sources[place]).then((canvas) => canvas && shown.append(canvas));
  const count = imagesOf(series);
  return made("article", { class: "card series" },
    made("h3", {}, [head.modality, head.series_description].filter(Boolean).join(" · ")),
    made("p", {}, interpolate(ngettext("%s image", "%s images", count), [count])),
    shown);
}

function requirement({ wanted: asked, series, isEnough }) {
  const wanted = wantedOf(asked);
  if (isEnough) return made("li", {}, made("span", { class: "badge badge--ok" }, gettext("found")), ` ${wanted}`);
  const lacking = series === null
    ? gettext("It is not among these files. Choose the whole examination, or send this and the rest later.")
    : interpolate(gettext("Only %s images of it are here. Look whether the whole series was exported."), [imagesOf(series)]);
  const word = asked.required ? gettext("missing") : gettext("not there, not required");
  const tone = asked.required ? "badge badge--warn" : "badge";
  return made("li", {}, made("span", { class: tone }, word), ` ${wanted}. ${asked.required ? lacking : ""}`);
}

function wantedOf({ name, modality, minimum_slices: least }) {
  return interpolate(gettext("%(name)s (%(modality)s, at least %(least)s images)"), { name, modality, least }, true);
}

/** Persons and studies side by side: nothing goes on before somebody says which of them are this visit's. */
function mixed(groups, go, stop) {
  const error = made("p", { role: "alert" });
  const boxes = groups.map((group, place) => made("input", { type: "checkbox", id: `group-${place}`, value: String(place) }));
  const rows = groups.map((group, place) => made("tr", {},
    made("td", {}, boxes[place]),
    made("th", { scope: "row" }, made("label", { for: `group-${place}` }, group.head.patient_name || gettext("no name"))),
    ...[group.head.patient_id, day(group.head.birth_date), day(group.head.study_date), String(seriesOf(group.sources).length), String(imagesOf(group))]
      .map((text) => made("td", {}, text || "–"))));
  const titles = [gettext("Send"), gettext("Name"), gettext("Number"), gettext("Born"), gettext("Examined"), gettext("Series"), gettext("Images")];
  const table = made("table", { class: "data" },
    made("caption", {}, gettext("Persons and examinations in these files (on this screen only)")),
    made("thead", {}, made("tr", {}, ...titles.map((title) => made("th", { scope: "col" }, title)))),
    made("tbody", {}, ...rows));
  const decide = () => {
    const marked = groups.filter((group, place) => boxes[place].checked);
    const persons = new Set(marked.map((group) => group.person));
    if (persons.size === 1) {
      error.textContent = "";
      return go(marked);
    }
    stop();
    error.textContent = persons.size
      ? gettext("These are several persons. Mark the examinations of one person only.")
      : "";
    return null;
  };
  for (const box of boxes) box.addEventListener("change", decide);
  return made("div", { class: "notice notice--warn" },
    made("p", {}, made("strong", {}, gettext("These files are not of one examination of one person. Nothing was sent.")), " ",
      gettext("Mark what belongs to this visit; the rest stays on this computer.")),
    made("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": gettext("Persons and examinations") }, table),
    error);
}
