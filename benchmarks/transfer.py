"""2,000 files of 131 KB from a real page into the running product: `-m benchmarks.transfer`.

Headless Chromium imports the sending page's own modules and sends files that it made itself, by manifest and batches,
until the delivery is closed. The peers in the same run send one file a request over the same address, one and four at a
time; they get fewer files, and what is compared is the time a file takes.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

from playwright.sync_api import Page, sync_playwright

from tests.cast import PASSWORD
from tests.flows import small
from tests.stack import Stack, start, stop

FILES, SIZE, ROUNDS, PEERS, GOAL = 2_000, 131_072, 3, 400, 10.0
CHROMIUM = shutil.which("chromium") or ""
# Chromium gives at most 65,536 random bytes at a time.
SCENE = """
async ({ visit, count, size, way }) => {
  const { Transfer, hashesOf } = await import("/static/corelab/send-transfer.js");
  const { Line } = await import("/static/corelab/send-line.js");
  const session = { token: () => document.cookie.match(/csrftoken=([^;]+)/)[1], renew: async () => false };
  const line = new Line({ session, say: () => {}, notice: document.createElement("p") });
  const files = Array.from({ length: count }, () => {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, Math.min(at + 65536, size)));
    return new Blob([bytes]);
  });
  const { id, piece } = await line.post("/api/deliveries/", { time_point: visit });
  const root = `/api/deliveries/${id}/`;
  const item = async (file) => ({ size, hashes: await hashesOf(file, piece), claim: null, load: () => file });
  const began = performance.now();
  if (way === "batches") {
    const transfer = new Transfer({ line, root, piece, heard: () => {} });
    await transfer.send((async function* () { for (const file of files) yield item(file); })());
    await transfer.complete();
  } else {
    const waiting = [...files];
    const one = async () => {
      while (waiting.length) {
        const file = waiting.pop();
        const { hashes } = await item(file);
        const told = await line.post(`${root}manifest/`, { files: [{ size, parts: hashes }] });
        const body = new FormData();
        body.append(`${told.files[0].number}.0`, file, "piece");
        await line.call(`${root}pieces/`, { method: "POST", body });
      }
    };
    await Promise.all(Array.from({ length: Number(way) }, one));
  }
  return { delivery: id, seconds: (performance.now() - began) / 1000 };
}
"""


def main() -> None:
    options = argparse.ArgumentParser(description="sending from the page")
    options.add_argument("--files", type=int, default=FILES)
    options.add_argument("--peers", type=int, default=PEERS)
    told = options.parse_args()
    if not CHROMIUM:
        sys.exit("Chromium is not installed: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="corelab-bench-") as home:
        stack = start(Path(home), "--no-demo", password=PASSWORD)
        try:
            small.seed(stack)
            print(f"{told.files} files of {SIZE // 1024} KiB, medians of {ROUNDS} turns", flush=True)
            _compare(stack, {"batches": told.files, "1": told.peers, "4": told.peers})
        finally:
            stop(stack)


def _compare(stack: Stack, counts: dict[str, int]) -> None:
    seconds: dict[str, list[float]] = {way: [] for way in counts}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = _signed_in(browser.new_page(), stack)
        for _ in range(ROUNDS):
            for way, count in counts.items():
                seconds[way].append(_turn(page, stack, way, count))
        browser.close()
    _print(counts, {way: statistics.median(turns) for way, turns in seconds.items()})


def _signed_in(page: Page, stack: Stack) -> Page:
    page.goto(f"{stack.address}/sign-in/")
    page.get_by_label("Name").fill("site_staff")
    page.get_by_label("Password").fill(stack.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{stack.address}/")
    page.goto(f"{stack.address}/trials/{small.CODE}/send/")
    return page


def _turn(page: Page, stack: Stack, way: str, count: int) -> float:
    visit = page.locator("[name='time_point'] option").nth(1).get_attribute("value")
    told: dict[str, Any] = page.evaluate(SCENE, {"visit": int(visit or 0), "count": count, "size": SIZE, "way": way})
    _empty(stack, told["delivery"])
    return float(told["seconds"])


def _empty(stack: Stack, delivery: str) -> None:
    """Wait until the worker is done with it, and take what lies there away, so that every turn finds the same."""
    staff = stack.session("site_staff")
    stack.wait(lambda: not staff.api("GET", f"/api/deliveries/{delivery}/").json()["working"])
    page = f"/deliveries/{delivery}/"
    assert staff.post(f"{page}discard/", page=page, reason="the benchmark is over").ok


def _print(counts: dict[str, int], medians: dict[str, float]) -> None:
    each = {way: medians[way] / count for way, count in counts.items()}
    names = {"batches": "manifest and batches", "1": "one a request", "4": "one a request, four at a time"}
    for way, seconds in medians.items():
        ratio = f"{each[way] / each['batches']:5.1f} x ours" if way != "batches" else f"goal {GOAL:.0f} s for {FILES}"
        rate = SIZE / each[way] / 1e6
        print(f"  {names[way]:30} {seconds:6.1f} s for {counts[way]:5}  {rate:6.1f} MB/s  {ratio}", flush=True)


if __name__ == "__main__":
    main()
