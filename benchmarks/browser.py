"""What cleaning costs in a browser: start, files a second and MB a second of one and two workers in headless Chromium.

    .venv/bin/python -m benchmarks.browser [SLICES]

A small server of its own gives the worker, Pyodide and the engine; CT slices of 512 x 512 pixels are made by code.
"""

import base64
import functools
import http.server
import json
import random
import sys
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

import deid
from config import equipping
from deid.profile import Profile
from imaging.equipment import laid_out
from tests.deid import builders, planting

STATIC = equipping.PROJECT / "config" / "static" / "corelab"
KEY = bytes(range(32))
TRIAL = {
    "sponsor": "Northlight",
    "protocol_id": "TUNDRA-001",
    "protocol_name": "The TUNDRA trial",
    "site_id": "01",
    "site_name": "",
    "subject_code": "ABCD-2345",
    "time_point_id": "BL",
    "time_point_description": "Baseline",
    "coordinating_center": "Corelab",
}
SCRIPT = """
async ({ told, keys, slices, workers, template }) => {
  const bytes = Uint8Array.from(atob(template), (letter) => letter.charCodeAt(0));
  const ask = (worker, message) => new Promise((resolve) => {
    worker.onmessage = (event) => resolve(event.data);
    worker.postMessage(message);
  });
  const begun = performance.now();
  const ready = [];
  for (let index = 0; index < workers; index += 1) {
    const worker = new Worker("/cleaner.js", { type: "module" });
    ready.push(worker);
  }
  const answers = await Promise.all(ready.map((worker) => ask(worker, { do: "start", ...told })));
  const started = performance.now() - begun;
  await Promise.all(ready.map((worker) => ask(worker, { do: "open", keys })));
  const files = Array.from({ length: slices }, () => new File([bytes], "x"));
  const at = performance.now();
  const firsts = [];
  let next = 0, size = 0;
  const work = async (worker) => {
    while (next < slices) {
      const number = next++;
      const answer = await ask(worker, { do: "clean", number, file: files[number], boxes: [] });
      size += answer.bytes?.byteLength ?? 0;
      firsts.push(answer.is + (answer.why ?? answer.code ?? ""));
    }
  };
  const read = performance.now();
  for (const [index, file] of files.slice(0, 50).entries()) await ask(ready[0], { do: "read", number: index, file });
  const reading = (performance.now() - read) / Math.min(50, slices);
  const cleaning = performance.now();
  await Promise.all(ready.map(work));
  const took = (performance.now() - cleaning) / 1000;
  ready.forEach((worker) => worker.terminate());
  return { answers, started, reading, took, size, firsts: [...new Set(firsts)] };
}
"""


def slice_of(side: int = 512) -> bytes:
    dataset = builders.ct()
    dataset.Rows = dataset.Columns = side
    # Grain, as scanners have it.
    dataset.PixelData = random.Random(1).randbytes(side * side * 2)  # noqa: S311  no secret
    return planting.encode(dataset)


def serve(root: Path) -> str:
    handler = functools.partial(Quiet, directory=str(root))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


class Quiet(http.server.SimpleHTTPRequestHandler):
    extensions_map = dict.fromkeys((".js", ".mjs"), "text/javascript") | {".wasm": "application/wasm", "": "text/html"}

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the server's own word
        pass


def main(slices: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        equipping.lay_out(root / "served")
        (root / "browser").symlink_to(root / "served" / "browser")
        (root / "cleaner.js").write_bytes((STATIC / "cleaner.js").read_bytes())
        (root / "index.html").write_text("<title>measure</title>")
        profile = Profile(policy=deid.Policy())
        keys = {
            "key": KEY.hex(),
            "common_key": KEY.hex(),
            "trial": TRIAL,
            "profile": profile.told,
            "engine": deid.engine_version(),
        }
        keys["policy"] = profile.policy.digest
        with sync_playwright() as player:
            browser = player.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            page = browser.new_page()
            page.on("console", lambda message: print("console:", message.text))
            page.goto(serve(root))
            for workers in (1, 2):
                asked = {
                    "told": laid_out(root / "served"),
                    "keys": json.dumps(keys),
                    "slices": slices,
                    "workers": workers,
                    "template": base64.b64encode(slice_of()).decode(),
                }
                found = page.evaluate(SCRIPT, asked)
                rate, mega = slices / found["took"], found["size"] / found["took"] / 1e6
                print(
                    f"{workers} worker(s): ready {found['started'] / 1000:.1f} s, read {found['reading']:.1f} ms, "
                    f"{rate:.0f} files/s, {mega:.0f} MB/s, {found['firsts']}, {found['answers'][0]}"
                )
            browser.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
