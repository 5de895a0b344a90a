"""Untrusted bytes are read behind a fence: what breaks there costs one file, never the service or another file."""

import hashlib
import io
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import JPEGLSLossless

import deid
from benchmarks.burned import to_dataset
from deid import ClinicalTrial, Policy, Rejected
from deid.burned.boxes import Box
from deid.burned.cleaning import Clerk
from deid.burned.doubts import Doubt, Waiting
from deid.engine import read_source
from imaging import fence, progress
from imaging.fence import calls, copies
from imaging.fence import child as child_module
from imaging.fence.child import MEGABYTE, Child, ChildFell, Limits
from imaging.fence.framing import Garbled, Reader, pack
from imaging.fence.plainly import from_plain, to_plain
from imaging.frames import FrameRefused
from imaging.frames.rendering import render
from imaging.models import Instance, Submission
from tests.cast import Cast
from tests.deid.pictures import encoded, frame_of
from tests.imaging.scans import baseline_of, ct_series, ct_slice, drive, send, to_bytes

TRIAL = ClinicalTrial(
    sponsor="Sponsor",
    protocol_id="P-1",
    protocol_name="Protocol",
    site_id="01",
    site_name="",
    subject_code="01-001",
    time_point_id="BL",
    time_point_description="Baseline",
    coordinating_center="Centre",
)
KEY = b"k" * 32
SHORT = Limits(memory=256 * MEGABYTE, cpu_seconds=1, seconds=20, answer=MEGABYTE)


class Evil:
    """Has the child run these lines, as code would that took it over."""

    def __init__(self, lines: str) -> None:
        self.lines = lines

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, (self.lines,)


@pytest.fixture(scope="module")
def child() -> Any:
    one = Child()
    yield one
    one.stop()


def suffer(child: Child, lines: str, limits: Limits = SHORT) -> float:
    """Seconds until the child fell over these lines."""
    begun = time.monotonic()
    with pytest.raises(ChildFell):
        child.ask("identify", {"key": Evil(lines)}, [b""], limits)
    return time.monotonic() - begun


def _given(call: Callable[[], Any]) -> Any:
    """What came of it: a result, or a refusal in its words."""
    try:
        return call()
    except Rejected as rejected:
        return rejected.code, rejected.reason


@pytest.mark.req("R-ARC-14")
@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small.dcm", "examples_rgb_color.dcm", "rtplan.dcm", "test-SR.dcm"]
)
def test_what_is_cleaned_behind_the_fence_is_the_same_to_the_last_bit(name: str) -> None:
    data = Path(str(get_testdata_file(name, download=False))).read_bytes()
    told: dict[str, Any] = {"key": KEY, "trial": TRIAL, "policy": Policy()}
    behind, here = _given(lambda: fence.clean(data, fence.Rules(**told))), _given(lambda: deid.clean(data, **told))
    if isinstance(behind, fence.Fenced):
        for each in ("data", "sha256", "facts", "actions", "by_tag", "method_codes", "policy_digest"):
            assert getattr(behind, each) == getattr(here, each), each
    else:
        assert behind == here
    assert fence.identify(data, keys=[KEY]) == (deid.identify(data, key=KEY),)


@pytest.mark.req("R-ARC-14")
def test_a_frame_rendered_behind_the_fence_is_the_same_picture() -> None:
    data = ct_series(1)[0]
    assert fence.render(data, frame=1) == render(data, frame=1)
    with pytest.raises(FrameRefused, match="no frame 9"):
        fence.render(data, frame=9)
    with pytest.raises(Rejected):
        fence.identify(b"no image", keys=[KEY])


@pytest.mark.req("R-ARC-15", "R-ARC-20")
def test_a_packed_mammogram_of_42_million_pixels_is_drawn_within_the_bounds_of_every_file() -> None:
    """Neither the page's picture nor that of WADO-RS has more memory than its 512 MiB."""
    noise = np.random.default_rng(1).integers(0, 4, (7000, 6000), dtype=np.uint16)
    image = ct_slice(1)
    image.Rows, image.Columns, image.PixelRepresentation, image.Modality = 7000, 6000, 0, "MG"
    image.BitsStored, image.HighBit = 12, 11
    image.PixelData = (noise + np.linspace(0, 4000, 6000).astype(np.uint16)).tobytes()
    image.compress(JPEGLSLossless, generate_instance_uid=False)
    data = to_bytes(image)
    shown = fence.render(data)
    assert (shown.rows, shown.columns) == (7000, 6000)
    assert copies.picture(data, frame=1, window=None, kind="image/png") == shown.png


@pytest.mark.req("R-ARC-15")
def test_one_child_reads_many_files_and_holds_no_secret_no_core_and_no_file(child: Child) -> None:
    for _ in range(3):
        child.ask("identify", {"keys": [KEY]}, [ct_series(1)[0]], Limits.of(MEGABYTE))
    first = child.pid
    child.ask("identify", {"keys": [KEY]}, [b"no image"], SHORT)
    assert child.pid == first
    process = Path(f"/proc/{first}")
    environment = process.joinpath("environ").read_bytes()
    assert b"CORELAB" not in environment
    assert b"DJANGO" not in environment
    told = {line[:25].strip(): line[26:].split()[:2] for line in process.joinpath("limits").read_text().splitlines()}
    assert told["Max core file size"] == told["Max file size"] == ["0", "0"]
    assert int(told["Max address space"][0]) < 3000 * MEGABYTE


@pytest.mark.req("R-ARC-15")
def test_memory_time_files_and_silence_end_the_child_and_the_next_file_is_read(child: Child, tmp_path: Path) -> None:
    suffer(child, f"x = bytearray({600 * MEGABYTE})")
    assert suffer(child, "while True: pass") < 10
    suffer(child, "import os; os.kill(os.getpid(), 11)")
    suffer(child, f"open({str(tmp_path / 'written')!r}, 'w', buffering=1).write('x' * 99 + chr(10))")
    assert (tmp_path / "written").stat().st_size == 0
    quiet = Limits(memory=256 * MEGABYTE, cpu_seconds=5, seconds=0.5, answer=MEGABYTE)
    assert suffer(child, "import time; time.sleep(60)", quiet) < 5
    assert child.ask("identify", {"keys": [KEY]}, [ct_series(1)[0]], SHORT)[0]["tokens"]


@pytest.mark.req("R-ARC-15")
@pytest.mark.parametrize(
    "said", [b"\xff" * 64, b"\0" * 8 + b"\0" * 5 + b"\xff" * 3, b"\0" * 15 + b"\x02[]", b"\0" * 15 + b"\x04nope"]
)
def test_a_child_that_speaks_nonsense_is_not_believed(child: Child, said: bytes) -> None:
    lines = f"import os\nfor n in range(3, 12):\n  try: os.write(n, {said!r})\n  except OSError: pass\nos._exit(0)"
    suffer(child, lines)


@pytest.mark.req("R-ARC-15")
def test_a_child_reaches_no_network_where_the_system_lets_it_be_cut_off(child: Child) -> None:
    child.ask("identify", {"keys": [KEY]}, [b""], SHORT)
    ours, its = (Path(f"/proc/{pid}/ns/net").readlink() for pid in ("self", child.pid))
    if ours == its:
        pytest.skip("this system does not let a process leave its network")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        suffer(child, f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=2)")
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.req("R-ARC-16")
@pytest.mark.django_db
def test_a_file_that_kills_the_child_twice_is_kept_with_a_reason_and_the_delivery_goes_on(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = ct_slice(4)
    big.add_new(0x00204000, "LT", "x" * 9000)
    files = [*ct_series(4), to_bytes(big)]
    usual = Limits.of
    # The engine takes a lack of memory for a damaged file; a lack of time it cannot.
    tight = Limits(memory=MEGABYTE, cpu_seconds=1, seconds=0.0, answer=MEGABYTE)
    monkeypatch.setattr(Limits, "of", lambda size, **more: tight if size == len(files[-1]) else usual(size, **more))
    done = drive(send(cast.alba, baseline_of(cast), files))
    assert (done.state, Instance.objects.count()) == (Submission.State.CHECKED, 4)
    (refusal,) = progress.refusals(done)
    assert (refusal["code"], refusal["count"]) == ("fenced", 1)
    assert "kept encrypted" in refusal["sentence"]


@pytest.mark.req("R-ARC-16")
def test_a_child_killed_once_costs_nothing() -> None:
    fence.identify(ct_series(1)[0], keys=[KEY])
    killed = [each.pid for each in calls._idle.queue if each.pid]
    for pid in killed:
        os.kill(pid, 9)
    assert fence.identify(ct_series(1)[0], keys=[KEY])[0].person


@pytest.mark.req("R-ARC-14")
def test_text_in_a_picture_is_read_behind_the_fence_with_the_same_result() -> None:
    policy = Policy(options=deid.DEFAULT_OPTIONS | {deid.Option.CLEAN_PIXEL_DATA})
    rules, data = fence.Rules(key=KEY, trial=TRIAL, policy=policy), encoded(to_dataset(frame_of()))
    with pytest.raises(Rejected) as refused:
        fence.clean(data, rules)
    assert refused.value.code == deid.Rejection.PIXELS_NEED_REVIEW
    behind, here = fence.look(data, rules), Clerk(key=KEY, trial=TRIAL, policy=policy).clean(read_source(data))
    assert isinstance(behind, fence.Fenced)
    assert isinstance(here, deid.Cleaned)
    assert (behind.data, behind.pixels) == (here.data, here.pixels)
    reader = calls._looking.queue[0].pid
    told = fence.look(data, rules, boxes=[Box(0, 0, 5, 5)])
    assert isinstance(told, Waiting)
    assert Doubt.NAME_LEFT in told.doubts
    # What it reads with is loaded once.
    assert calls._looking.queue[0].pid == reader


@pytest.mark.req("R-ARC-15")
def test_a_child_that_kept_much_of_earlier_files_is_replaced_before_the_next_which_would_miss_it() -> None:
    hoarder = Child(keeps=MEGABYTE)
    try:
        hoarder.ask("render", {"frame": 1, "window": None}, [encoded(to_dataset(frame_of()))], Limits.of(MEGABYTE))
        first = hoarder.pid
        hoarder.ask("identify", {"keys": [KEY]}, [ct_series(1)[0]], Limits.of(MEGABYTE))
        assert hoarder.pid != first
    finally:
        hoarder.stop()


@pytest.mark.req("R-ARC-15")
def test_whoever_asks_is_heard_while_a_picture_is_read_and_an_answer_given_up_is_never_taken_for_another(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "_TICK_SECONDS", 0.1)
    heard: list[int] = []

    def consent_is_gone() -> None:
        heard.append(1)
        if len(heard) > 2:
            raise LookupError("no consent any more")

    slowly = {"key": Evil("import time; time.sleep(1.5)")}
    with pytest.raises(LookupError):
        child.ask("identify", slowly, [b""], Limits.of(MEGABYTE), consent_is_gone)
    assert child.pid is None
    assert child.ask("identify", {"keys": [KEY]}, [ct_series(1)[0]], SHORT)[0]["tokens"]


@pytest.mark.req("R-ARC-15")
def test_messages_longer_than_agreed_and_values_of_another_type_are_refused() -> None:
    whole = Reader(longest=10)
    for piece in pack(b"{}", [b"12345", b"67890"]):
        whole.feed(piece)
    assert whole.message == (b"{}", [b"12345", b"67890"])
    late = Reader(longest=9)
    *most, last_length, _last = pack(b"{}", [b"12345", b"67890"])
    for piece in most:
        late.feed(piece)
    with pytest.raises(Garbled):
        late.feed(last_length)
    cleaned = deid.clean(ct_series(1)[0], key=KEY, trial=TRIAL, policy=Policy())
    plain = to_plain(cleaned.facts)
    assert from_plain(deid.Facts, plain) == cleaned.facts
    for name, wrong in (("rows", "512"), ("study_date", "yesterday"), ("orientation", 5), ("image_type", [1])):
        with pytest.raises(Garbled):
            from_plain(deid.Facts, plain | {name: wrong})


def odd_pixels() -> bytes:
    """Nine pixels of a byte each: written with a tenth byte."""
    dataset = ct_slice(1)
    dataset.Rows = dataset.Columns = 3
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = bytes(range(1, 11))
    return to_bytes(dataset)


@pytest.mark.req("R-ARC-14")
@pytest.mark.parametrize(
    "name",
    ["CT_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_bigendian.dcm", "rtplan.dcm", "odd"],
)
def test_the_digest_of_the_pixels_is_that_of_the_cleaned_object(name: str) -> None:
    data = odd_pixels() if name == "odd" else Path(str(get_testdata_file(name, download=False))).read_bytes()
    fenced = fence.clean(data, fence.Rules(key=KEY, trial=TRIAL, policy=Policy()))
    pixels = dcmread(io.BytesIO(fenced.data)).get("PixelData")
    assert fenced.pixel_sha256 == (hashlib.sha256(pixels).hexdigest() if pixels else "")
