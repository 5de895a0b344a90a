// Step four: before and after, tag by tag, for each series, and boxes over what is written into its pictures.

import { boxesOver } from "./send-boxes.js";
import { asked, seriesOf } from "./send-survey.js";
import { made } from "./send-steps.js";

/** Show what is removed from the sources; `boxes` is a map of series to its boxes, which the person changes here. */
export async function showRemoved({ section, sources, cleaners, boxes, thumbnail, isFixed }) {
  const room = section.querySelector("[data-explained]");
  room.replaceChildren();
  for (const [number, series] of seriesOf(sources).entries()) {
    const answer = await cleaners.ask({ do: "explain", ...asked(series.sources[0]) });
    const title = [series.head.modality, series.head.series_description].filter(Boolean).join(" · ");
    const covering = () => (series.head.is_native
      ? boxesOver({ series, boxes, thumbnail, number, isFixed })
      : made("p", { class: "muted" }, gettext("The pictures of this series are compressed: nothing is covered here. Where something may be written in them, they go to the core laboratory encrypted, and a person there looks.")));
    const words = answer.is === "explained" ? [coverable(answer), ...explained(answer.rows, title), covering()].filter(Boolean) : [unexplained(answer)];
    room.append(made("details", number === 0 ? { open: true, class: "series" } : { class: "series" }, made("summary", {}, title), ...words));
  }
}

/** What happens where this computer does not clean. */
export function showRemovedThere({ section }) {
  section.querySelector("[data-explained]").replaceChildren(
    made("ul", {},
      made("li", {}, gettext("Each file is encrypted the moment it arrives; nobody can look at it.")),
      made("li", {}, gettext("Names, numbers, dates and free text are removed from it by the rules of the trial's charter.")),
      made("li", {}, gettext("Text that is written into pictures is searched for and covered; where that is doubtful, a person decides.")),
      made("li", {}, gettext("Only what is clean is filed. What is refused stays encrypted, with a reason on the page of the delivery.")),
      made("li", {}, gettext("The certificate of the delivery names every tag that was changed.")),
    ));
}

/** What changes first; what stays, and the hundreds of private elements of makers, behind lines that count them. */
function explained(rows, title) {
  const isPrivate = ({ tag }) => parseInt(tag.replace(/\W/g, "").slice(0, 4), 16) % 2 === 1;
  const stays = ({ before, after }) => before === after;
  const changed = rows.filter((row) => !isPrivate(row) && !stays(row));
  const kept = rows.filter((row) => !isPrivate(row) && stays(row));
  const own = rows.filter(isPrivate);
  return [
    table(changed, title),
    behind(kept, title, ngettext("%s element stays as it is", "%s elements stay as they are", kept.length)),
    behind(own, title, ngettext("%s private element of the maker", "%s private elements of the maker", own.length)),
  ].filter(Boolean);
}

function behind(rows, title, count) {
  return rows.length ? made("details", {}, made("summary", {}, interpolate(count, [rows.length])), table(rows, title)) : null;
}

function table(rows, title) {
  const titles = [gettext("Tag"), gettext("Before, on this computer"), gettext("After"), gettext("What is done")];
  const body = rows.map((row) => made("tr", {},
    made("th", { scope: "row" }, made("span", { class: "mono" }, row.tag), " ", row.name),
    made("td", {}, row.before || "–"),
    made("td", {}, row.after || gettext("nothing")),
    made("td", {}, row.deed)));
  return made("div", { class: "scroll before-after", tabindex: "0", role: "region", "aria-label": interpolate(gettext("What is removed from %s"), [title]) },
    made("table", { class: "data data--look" },
      made("caption", {}, gettext("The first image of the series; the others are treated alike.")),
      made("thead", {}, made("tr", {}, ...titles.map((one) => made("th", { scope: "col" }, one)))),
      made("tbody", {}, ...body)));
}

// Pictures that a person of the core laboratory looks at, and boxes change nothing of it.
const FOR_A_PERSON = new Set(["faces", "compressed"]);

function coverable({ sealed }) {
  return sealed ? made("p", { class: "notice notice--warn" },
    gettext("Something may be written into these pictures. Cover it with boxes below, and they are cleaned here; without a box they go to the core laboratory encrypted, and a person there looks.")) : null;
}

function unexplained(answer) {
  return made("p", { class: "notice notice--warn" },
    answer.sentence ?? (FOR_A_PERSON.has(answer.why)
      ? gettext("These pictures may show who it is: they go to the core laboratory encrypted, and a person there looks.")
      : gettext("This computer cannot clean this series: it goes to the core laboratory encrypted, and is cleaned there.")));
}
