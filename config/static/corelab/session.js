// Warns before a session ends, lets it go on, and after its end keeps what was typed until its holder is back.
// It asks without using the session: a page that nobody looks at keeps nobody signed in.

import { forgetOthers } from "./send-notes.js";

const dialog = document.querySelector("[data-session-limit]");
const over = document.querySelector("[data-session-over]");
const BACKGROUND = { "X-Corelab-Background": "1", Accept: "application/json" };
const AGAIN = 15_000;
let account;
let timer;
let isOver = false;
// What was said already is not said again: a closed warning about the full length stays closed.
let told = "";

async function look() {
  try {
    const answer = await fetch(dialog.dataset.state, { headers: BACKGROUND, cache: "no-store" });
    if (answer.ok) show(await answer.json());
    else later(AGAIN);
  } catch {
    // The network is gone for a moment; what stands on the page stays.
    later(AGAIN);
  }
}

function later(milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(look, Math.max(1_000, milliseconds));
}

function show(left) {
  if (left.ended) return end("ended");
  if (account === undefined) {
    ({ account } = left);
    // Whoever was here before has not signed out, and is not here any more.
    forgetOthers(account);
  }
  if (left.account !== account) return end("other");
  if (isOver) back(left.token);
  const kind = left.absolute <= left.idle ? "absolute" : "idle";
  const seconds = Math.min(left.idle, left.absolute);
  if (seconds > left.warning) {
    told = "";
    if (dialog.open) dialog.close();
    return later((seconds - left.warning) * 1_000);
  }
  warn(kind, seconds);
  return later(Math.min(AGAIN, (seconds + 1) * 1_000));
}

function warn(kind, seconds) {
  const words = dialog.querySelector("[data-limit-words]");
  words.textContent = words.dataset[`word${kind}`].replace("%s", duration(words.dataset, seconds));
  dialog.querySelector("[data-limit-extend]").hidden = kind === "absolute";
  if (!dialog.open && told !== kind) dialog.showModal();
  told = kind;
}

function duration(words, seconds) {
  if (seconds < 55) return words.wordseconds.replace("%s", Math.max(5, Math.round(seconds / 5) * 5));
  const minutes = Math.round(seconds / 60);
  return minutes === 1 ? words.wordminute : words.wordminutes.replace("%s", minutes);
}

function end(why) {
  if (dialog.open) dialog.close();
  say(why, { isBack: false });
  isOver = true;
  later(AGAIN);
}

// Signed in again, in another window: the forms of this page go on under the new token.
function back(token) {
  isOver = false;
  for (const field of document.querySelectorAll("[name=csrfmiddlewaretoken]")) field.value = token;
  document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRFToken": token }));
  say("back", { isBack: true });
}

function say(why, { isBack }) {
  // A page that asks for the sign-in by itself needs no second word.
  if (!document.dispatchEvent(new CustomEvent("corelab:session", { cancelable: true }))) return;
  const words = over.querySelector("[data-over-words]");
  const sentence = words.dataset[`word${why}`];
  const isNews = over.hidden || words.textContent !== sentence;
  words.textContent = sentence;
  over.querySelector("[data-over-sign-in]").hidden = isBack;
  over.querySelector("[data-over-close]").hidden = !isBack;
  over.hidden = false;
  if (isNews) over.focus();
}

// The warning stands until the server has said that the session goes on.
async function extend() {
  const body = new FormData();
  body.set("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "");
  try {
    const answer = await fetch(dialog.dataset.extend, { method: "POST", body, headers: { Accept: "application/json" } });
    show(await answer.json());
  } catch {
    later(1_000);
  }
}

dialog.querySelector("[data-limit-extend]").addEventListener("click", extend);
dialog.querySelector("[data-limit-close]").addEventListener("click", () => dialog.close());
over.querySelector("[data-over-close]").addEventListener("click", () => { over.hidden = true; });
// Nothing is sent into a session that is over: the answer would be the sign-in page, and what was typed lost.
for (const kind of ["submit", "htmx:beforeRequest"]) {
  document.addEventListener(kind, (event) => {
    if (isOver) {
      event.preventDefault();
      over.focus();
    }
  }, { capture: true });
}
addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
addEventListener("focus", () => { if (isOver) look(); });
look();
