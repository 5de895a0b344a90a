// Step six: what became of it at the core laboratory, and whether what lies there is what left this page.

import { made } from "./send-steps.js";

const PAUSES = [1_000, 2_000, 4_000, 5_000];
const PLACE = "00000000-0000-0000-0000-000000000000";

/** Ask until nothing moves any more; `accepted(numbers)` hears what was filed. Returns once all is told. */
export async function showReceipt({ section, root, delivery, line, items, accepted, say, isShown }) {
  const part = (name) => section.querySelector(`[data-${name}]`);
  part("open-delivery").href = root.dataset.page.replace(PLACE, delivery);
  part("open-receipt").href = root.dataset.receipt.replace(PLACE, delivery);
  part("open-receipt").hidden = true;
  part("facts").replaceChildren();
  for (let turn = 0; ; turn += 1) {
    const told = await line.get(`${root.dataset.start}${delivery}/`);
    if (!isShown()) return;
    const sentence = outcome(told);
    if (part("outcome").textContent !== sentence) {
      part("outcome").textContent = sentence;
      say(sentence);
    }
    refused(part("refused"), told.refusals);
    if (told.counts.filed) await filed({ part, line, waiting: told.counts.waiting, address: `${root.dataset.start}${delivery}/receipt/`, items, accepted });
    if (told.ended || !told.working) return;
    await new Promise((resolve) => { setTimeout(resolve, PAUSES[Math.min(turn, PAUSES.length - 1)]); });
  }
}

function outcome(told) {
  const rest = told.ended || !told.working ? "" : gettext("All has arrived: you may close this page, the delivery goes on without it.");
  return [told.story, told.reason, rest].filter(Boolean).join(" ");
}

function refused(room, refusals) {
  room.hidden = !refusals.length;
  room.replaceChildren(...refusals.map(({ sentence, count }) => made("p", { class: "notice notice--warn" },
    `${interpolate(ngettext("%s file was refused and is kept encrypted:", "%s files were refused and are kept encrypted:", count), [count])} ${sentence}`)));
}

async function filed({ part, line, waiting, address, items, accepted }) {
  const receipt = await line.get(address);
  const facts = [
    [gettext("Subject"), receipt.subject],
    [gettext("Time point"), receipt.time_point],
    [gettext("Stored"), interpolate(ngettext("%s image", "%s images", receipt.filed.length), [receipt.filed.length])],
  ];
  if (waiting) facts.push([gettext("Waiting for review"), interpolate(ngettext("%s image", "%s images", waiting), [waiting])]);
  facts.push(...accepted(new Set(receipt.filed.map((row) => row.number))));
  const compared = comparison(receipt, items);
  if (compared) facts.push([gettext("Hashes"), compared]);
  part("facts").replaceChildren(...facts.flatMap(([name, value]) => [made("dt", {}, name), made("dd", {}, value)]));
  part("open-receipt").hidden = false;
}

/** Whether the archive holds what this page sent; "" where this page does not know any more, or sent an archive. */
function comparison(receipt, items) {
  const sent = new Map(items.filter((item) => item.hashes.length === 1).map((item) => [item.number, item.hashes[0]]));
  const rows = receipt.filed.filter((row) => sent.has(row.number));
  if (!rows.length) return "";
  const equal = rows.filter((row) => row.received_sha256 === sent.get(row.number)).length;
  if (equal === rows.length) return gettext("What arrived is, byte for byte, what this page sent.");
  return interpolate(gettext("%s files are not what this page sent: tell the core laboratory."), [rows.length - equal]);
}
