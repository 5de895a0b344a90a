// A session that ended while something is sent: a dialog asks to sign in again, in a window of its own, and notices it.

const BACKGROUND = { "X-Corelab-Background": "1", Accept: "application/json" };
const PAUSE = 1_500;

export class Session {
  constructor({ dialog, form, account }) {
    this.dialog = dialog;
    this.form = form;
    this.account = account;
    // Escape would leave a sending that waits for nothing.
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    // In place of the panel of every page: what names a person stands on this one, and the dialog covers it.
    document.addEventListener("corelab:session", (event) => {
      event.preventDefault();
      this.renew();
    });
  }

  /** The cookie is newer than the page where somebody signed in again in another window. */
  token() {
    return document.cookie.match(/(?:^|;\s*)csrftoken=([^;]+)/)?.[1] ?? this.form.elements.csrfmiddlewaretoken.value;
  }

  /** Wait until the session is back; false where it never ended. Requests that run side by side share the dialog. */
  renew() {
    this.renewing ??= this.wait().finally(() => { this.renewing = null; });
    return this.renewing;
  }

  async wait() {
    let left = await this.left();
    if (this.isMine(left)) return false;
    this.dialog.showModal();
    while (!this.isMine(left)) {
      const words = this.dialog.querySelector("[data-words]");
      const sentence = words.dataset[left?.ended === false ? "wordother" : "wordended"];
      if (words.textContent !== sentence) words.textContent = sentence;
      await new Promise((resolve) => { setTimeout(resolve, PAUSE); });
      left = await this.left();
    }
    this.form.elements.csrfmiddlewaretoken.value = left.token;
    this.dialog.close();
    return true;
  }

  isMine(left) {
    return left?.ended === false && left.account === this.account;
  }

  /** What is left of the session; null where the line is broken. */
  async left() {
    try {
      const answer = await fetch(this.dialog.dataset.state, { headers: BACKGROUND, cache: "no-store" });
      return answer.ok ? await answer.json() : null;
    } catch {
      return null;
    }
  }
}
