// The theme a person chose, and menus that close when the focus goes elsewhere. Everything works without it.
const KEY = "corelab-theme";
const NEXT = { "": "dark", dark: "light", light: "" };

const show = (theme) => {
  document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-button]")) {
    button.hidden = false;
    button.textContent = button.dataset[`word${theme || "auto"}`];
  }
};

// A cookie, since what else is stored here is cleared when somebody signs out.
const read = () => document.cookie.match(new RegExp(`(?:^|;\\s*)${KEY}=(dark|light)`))?.[1] ?? "";

const keep = (theme) => {
  document.cookie = `${KEY}=${theme}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
};

show(read());
// A narrow screen scrolls the tabs: the open one must not hide.
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

addEventListener("click", (event) => {
  if (event.target.closest("[data-theme-button]")) {
    const theme = NEXT[document.documentElement.dataset.theme] ?? "";
    keep(theme);
    show(theme);
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// The fingerprint of a signed form's scan is worked out here: the scan bears a name and never leaves this computer.
for (const field of globalThis.crypto?.subtle ? document.querySelectorAll("input[data-fingerprint]") : []) {
  const picker = document.createElement("input");
  picker.type = "file";
  picker.setAttribute("aria-label", field.dataset.fingerprint);
  picker.addEventListener("change", async () => {
    const [file] = picker.files;
    if (!file) return;
    const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    field.value = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  });
  field.after(picker);
}
