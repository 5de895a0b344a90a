"""A CT of 500 slices from its first byte to clean, filed and checked, while pages are asked for: `-m benchmarks.road`.

Senders are dcmtk's storescu on one association, then the page of a site's browser, which cleans; the receiver is the
whole product of `manage.py run`. The floor in the same run is a plain copy of the files with a sync of each. Pages are
asked for all the time by a second person; theirs are the times until the last byte came.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

from benchmarks import nurse
from benchmarks.deid import make_files
from tests.stack import Session, Stack, start, stop

SLICES, BETWEEN = 500, 0.2
STORESCU = shutil.which("storescu") or ""
PAGES = ("/", "/trials/THORAX/", "/trials/THORAX/subjects/", "/trials/THORAX/deliveries/", "/trials/THORAX/results/")


@dataclass(slots=True)
class Visitor:
    """Somebody who looks at one page after another; `waits` are seconds."""

    session: Session
    waits: list[float] = field(default_factory=list)
    is_done: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        while not self.is_done.is_set():
            for page in PAGES:
                begin = time.monotonic()
                assert self.session.get(page).ok, page
                self.waits.append(time.monotonic() - begin)
                self.is_done.wait(BETWEEN)


def main() -> None:
    options = argparse.ArgumentParser(description="the whole road of one large CT")
    options.add_argument("--slices", type=int, default=SLICES)
    count = options.parse_args().slices
    if not STORESCU or not nurse.CHROMIUM:
        sys.exit("storescu or Chromium is not installed: apt-get install dcmtk chromium")
    with tempfile.TemporaryDirectory(prefix="corelab-bench-") as home:
        folder, place = Path(home) / "slices", Path(home) / "home"
        folder.mkdir()
        place.mkdir(mode=0o700)
        files = make_files(folder, count)
        running = start(place)
        try:
            _measure(running, files)
        finally:
            stop(running)


def _measure(running: Stack, files: list[Path]) -> None:
    size = sum(file.stat().st_size for file in files) / 1_000_000
    floor = _copied(files)
    print(f"{len(files)} slices, {size:.0f} MB; copied and synced in {floor:.1f} s")
    quiet, coordinator = Visitor(running.session("carmen")), running.session("carmen")
    _beside(quiet, lambda: time.sleep(10))
    _tell_pages("alone", quiet)
    doors: dict[str, Callable[[], tuple[float, float]]] = {
        "DICOM": lambda: _sent_and_filed(running, coordinator, running.enrol().visit, files),
        "page": lambda: nurse.sent_from_page(running, running.enrol(), files),
    }
    for door, send in doors.items():
        busy = Visitor(running.session("carmen"))
        sent, whole = _beside(busy, send)
        print(f"{door}: sent in {sent:.1f} s, filed and checked after {whole:.1f} s: {whole / floor:.1f} x the copy")
        _tell_pages("meanwhile", busy)


def _tell_pages(when: str, visitor: Visitor) -> None:
    waits = sorted(visitor.waits)
    p95 = waits[int(len(waits) * 0.95)]
    print(f"pages {when}: median {statistics.median(waits) * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms, {len(waits)}")


def _copied(files: list[Path]) -> float:
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as target:
        for file in files:
            with (Path(target) / file.name).open("wb") as copy:
                copy.write(file.read_bytes())
                copy.flush()
                os.fsync(copy.fileno())
        return time.monotonic() - begin


def _beside(visitor: Visitor, act: Callable[[], Any]) -> Any:
    thread = threading.Thread(target=visitor.look)
    thread.start()
    try:
        return act()
    finally:
        visitor.is_done.set()
        thread.join()


def _sent_and_filed(running: Stack, coordinator: Session, visit: str, files: list[Path]) -> tuple[float, float]:
    begin = time.monotonic()
    words = [STORESCU, "-aet", "NORTE_PACS", "-aec", "CORELAB", "127.0.0.1", str(running.dicom_port)]
    subprocess.run([*words, "+sd", str(files[0].parent)], check=True, capture_output=True)
    received = time.monotonic() - begin
    running.wait(lambda: _waiting(coordinator))
    page = f"/deliveries/{_waiting(coordinator)[0]}/"
    assert coordinator.post(f"{page}assign/", page=page, time_point=visit).ok
    site = running.session("nora")
    running.wait(lambda: site.api("GET", f"/api{page}").json()["ended"])
    told = site.api("GET", f"/api{page}").json()
    assert told["counts"] == {"filed": len(files)}, told
    return received, time.monotonic() - begin


def _waiting(coordinator: Session) -> list[str]:
    page = coordinator.get("/trials/THORAX/deliveries/").text
    head = page.partition("All others")[0] if "All others" in page else ""
    return [chunk.split('/"')[0] for chunk in head.split('href="/deliveries/')[1:]]


if __name__ == "__main__":
    main()
