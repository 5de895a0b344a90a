// The line to the server: one request tried again with doubling waits, an ended session renewed, a refusal told in words.

const TRIES = 5;
const FIRST_WAIT = 1_000;
// A 4xx that says nothing against the delivery itself: ask again later with the same one.
const PASSING = new Set([408, 425, 429]);

/** What the server or the line says, for people; `ends` where the delivery cannot go on. */
export class Refusal extends Error {
  constructor(sentence, { ends = false, code = "" } = {}) {
    super(sentence);
    this.ends = ends;
    this.code = code;
  }
}

export class Line {
  /** `session` renews a session and knows the token; `say` tells what goes on, and `notice` shows that the line is broken. */
  constructor({ session, say, notice }) {
    Object.assign(this, { session, say, notice });
  }

  get(url) {
    return this.call(url, {});
  }

  post(url, told) {
    return this.call(url, { method: "POST", body: JSON.stringify(told), headers: { "Content-Type": "application/json" } });
  }

  /** Returns what was answered as JSON. Throws Refusal. */
  async call(url, options) {
    return JSON.parse(await this.text(url, options));
  }

  async text(url, options) {
    let refused = null;
    for (let attempt = 1; ;) {
      const answer = await this.attempt(url, options);
      this.notice.hidden = answer !== null || attempt === TRIES;
      if (answer?.text !== undefined) return answer.text;
      if (answer?.refusal) {
        // Whoever signs in again has lost no try by it; one more where the session was renewed beside this request.
        if (!await this.session.renew() && refused) throw answer.refusal;
        refused = answer.refusal;
        continue;
      }
      if (attempt === TRIES) throw new Refusal(gettext("The line is broken. What was sent is kept; press “Go on” to send the rest."));
      this.notice.textContent = gettext("The line is broken; trying again…");
      this.say(this.notice.textContent);
      await new Promise((resolve) => { setTimeout(resolve, FIRST_WAIT * 2 ** (attempt - 1)); });
      attempt += 1;
    }
  }

  /** Null where neither we nor a proxy said anything to rely on. */
  async attempt(url, options) {
    try {
      const headers = { Accept: "application/json", ...options.headers, "X-CSRFToken": this.session.token() };
      const response = await fetch(url, { ...options, headers });
      if (response.redirected || response.status === 401 || response.status === 403) return { refusal: await turnedAway(response) };
      if (response.status >= 500 && response.status !== 507) return null;
      if (PASSING.has(response.status)) return null;
      if (response.ok) return { text: await response.text() };
      throw await refusal(response);
    } catch (error) {
      // Only a broken line is tried again.
      if (error instanceof TypeError) return null;
      throw error;
    }
  }
}

/** The door says 403 to strangers, too: the delivery itself may still be good. */
async function turnedAway(response) {
  const told = await response.json().catch(() => null);
  return new Refusal(told?.detail ?? gettext("Your role does not include this. What was sent is kept; ask the coordinator."));
}

async function refusal(response) {
  const { status } = response;
  const told = await response.json().catch(() => null);
  if (told?.detail) return new Refusal(told.detail, { ends: status !== 507, code: told.code });
  if (status === 413) {
    const sentence = gettext("Something between you and the server refuses pieces of this size. Nothing more was sent; tell the operator.");
    return new Refusal(sentence);
  }
  const sentence = gettext("The server refused this delivery (%s). Nothing more was sent; begin it anew.");
  return new Refusal(interpolate(sentence, [status]), { ends: status !== 507 });
}
