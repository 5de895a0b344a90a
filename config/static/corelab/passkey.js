// Passkey buttons: the browser asks the device, the form carries the answer. Without them every page still works.
// `data-passkey` says what a place does: get (sign in), create (enrol), code (stand for a code in the form around it).

const mayWork = window.PublicKeyCredential?.parseRequestOptionsFromJSON && navigator.credentials;

const tokenOf = (place) => place.closest("form").querySelector("[name=csrfmiddlewaretoken]").value;

async function post(place, fields) {
  const body = new URLSearchParams({ csrfmiddlewaretoken: tokenOf(place), ...fields });
  const answer = await fetch(place.dataset.begin, { method: "POST", body, headers: { Accept: "application/json" } });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.sentence ?? "");
  return told;
}

const ask = {
  get: (options) =>
    navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) }),
  create: (options) =>
    navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) }),
};

const WORDS = { SecurityError: "wordaddress", InvalidStateError: "wordknown" };

function tell(place, error) {
  const told = place.querySelector("[data-passkey-told]");
  const ours = error instanceof DOMException ? "" : error.message;
  told.textContent = ours || told.dataset[WORDS[error.name] ?? "wordrefused"];
  told.hidden = false;
}

async function answerOf(place, way) {
  const credential = await ask[way](await post(place, {}));
  return JSON.stringify(credential.toJSON());
}

// A form that is sent with the passkey's answer in it.
function onSubmit(form) {
  let isAnswered = false;
  form.addEventListener("submit", async (event) => {
    if (isAnswered) return;
    event.preventDefault();
    try {
      form.elements.passkey.value = await answerOf(form, form.dataset.passkey);
      isAnswered = true;
      form.requestSubmit(event.submitter);
    } catch (error) {
      tell(form, error);
    }
  });
}

// A button that fills in the field of the code.
function onButton(place) {
  const field = place.closest("form").querySelector("[name=present], [name=code]");
  place.querySelector("button").addEventListener("click", async () => {
    try {
      const told = await post(place, { passkey: await answerOf(place, "get") });
      field.value = told.code;
      place.querySelector("[data-passkey-told]").hidden = true;
      place.querySelector("[data-passkey-done]").hidden = false;
      field.focus();
    } catch (error) {
      tell(place, error);
    }
  });
}

for (const place of mayWork ? document.querySelectorAll("[data-passkey]") : []) {
  place.hidden = false;
  if (place.dataset.passkey === "code") onButton(place);
  else onSubmit(place);
}
