// A button that prints the page, where there is a script to do it.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// Paper unfolds nothing: what is folded on the screen is whole in print, also where styles cannot say so.
addEventListener("beforeprint", () => {
  const folded = [...document.querySelectorAll("details[data-print-whole]:not([open])")];
  for (const each of folded) each.open = true;
  addEventListener("afterprint", () => { for (const each of folded) each.open = false; }, { once: true });
});
