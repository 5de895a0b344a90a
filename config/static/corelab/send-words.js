// Why files are not cleaned on this computer, in words.

export function intakeWords(why) {
  const reasons = {
    absent: gettext("This installation has no engine that cleans on your computer."),
    "no-wasm": gettext("This browser cannot run the engine that cleans on your computer."),
    "no-memory": gettext("This computer has too little memory free to clean here."),
    "no-engine": gettext("The engine that cleans on your computer could not be loaded."),
    "other-engine": gettext("The engine on this computer is older than the core laboratory's: load this page again to clean here."),
    damaged: gettext("The engine that cleans on your computer did not arrive whole, and was not started."),
  };
  const reason = reasons[why] ?? gettext("The engine that cleans on your computer did not start.");
  const rest = gettext("The files are encrypted the moment they arrive at the core laboratory. They are opened, looked at and cleaned there by the same rules, before anybody can see an image.");
  return `${reason} ${rest}`;
}
