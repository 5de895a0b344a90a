"""Objects that were damaged by dice or by malice, and a child process in which each is judged within bounds."""

import os
import random
import signal
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.data import get_testdata_files
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

import deid
from tests.deid import builders, planting

SECONDS = 15  # of a processor: a busy machine is no hang
_STUCK_SECONDS = 120  # by the clock: whoever waits takes no processor
MIB = 512
# Faces are taken out by an outside program: tests/deid/test_defacing.py.
_LEFT_OUT = {
    deid.Option.RETAIN_FULL_DATES,
    deid.Option.RETAIN_UIDS,
    deid.Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES,
}
POLICY = deid.Policy(options=frozenset(deid.Option) - _LEFT_OUT)
_ANSWERS = ("clean", "refused", "escaped")
_CLEAN, _REFUSED, _ESCAPED = range(len(_ANSWERS))
_LONG = 512 << 10  # long enough for quadratic time to show
_OPEN_SEQUENCE = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
_VRS = (b"SQ", b"UN", b"OB", b"UT", b"US", b"PN", b"DS", b"UI", b"AT", b"zz", b"OW", b"DT")
_LENGTHS = (0, 1, 7, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one input ended: `clean`, `refused`, `escaped` (another exception), `hung` or `died`; seconds of processor."""

    answer: str
    seconds: float
    mebibytes: float


def judge(data: bytes, *, key: bytes, trial: deid.ClinicalTrial) -> Verdict:
    """Clean an input in a child process of its own, which is ended after 15 s; tell time and additional memory."""
    pid = os.fork()
    if pid == 0:
        _judge_in_child(data, key, trial)
    _, status, usage = os.wait4(pid, 0)
    answer = (
        {0: "clean", 1: "refused", 2: "escaped"}[os.WEXITSTATUS(status)] if os.WIFEXITED(status) else _killed(status)
    )
    spent = usage.ru_utime + usage.ru_stime
    return Verdict(answer=answer, seconds=spent, mebibytes=usage.ru_maxrss / 1024 - _resident())


def _killed(status: int) -> str:
    return "hung" if os.WTERMSIG(status) in {signal.SIGPROF, signal.SIGALRM} else "died"


def _judge_in_child(data: bytes, key: bytes, trial: deid.ClinicalTrial) -> None:
    answer = _ESCAPED
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.alarm(_STUCK_SECONDS)
        deid.clean(data, key=key, trial=trial, policy=POLICY)
        answer = _CLEAN
    except deid.Rejected:
        answer = _REFUSED
    finally:
        os._exit(answer)


def _resident() -> float:
    """Return the memory (MiB) this process has in use, which a child begins with."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def seeds() -> dict[str, bytes]:
    """Return what is damaged: the objects of the pydicom package, and some made by code."""
    made = {
        "CT": builders.ct(), "PT": builders.pet(), "SEG": builders.segmentation([builders.ct(0), builders.ct(1)]),
        "PR": builders.presentation_state([builders.ct()]), "enhanced": builders.enhanced([builders.ct(0), builders.ct(1)]),
    }  # fmt: skip
    paths = sorted(Path(path) for path in map(str, get_testdata_files()) if Path(path).is_file())
    return {name: planting.encode(dataset) for name, dataset in made.items()} | {
        path.name: path.read_bytes() for path in paths
    }


def mutants(count: int, *, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield damaged objects with a name that tells how to make each again; the same ones for the same seed."""
    originals = sorted(seeds().items())
    for number in range(count):
        name, data = originals[number % len(originals)]
        dice = random.Random(f"{seed}/{number}")  # noqa: S311  a corpus, not a secret
        yield f"{seed}/{number} of {name}", _damaged(bytearray(data), dice)


def _damaged(data: bytearray, dice: random.Random) -> bytes:
    for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
        dice.choice((_flip, _flip, _relength, _retype, _cut_out, _double, _stretch))(data, dice)
    if dice.random() < 0.1 and len(data) > 1:
        del data[dice.randrange(1, len(data)) :]
    return bytes(data)


def _spot(data: bytearray, dice: random.Random) -> int:
    return dice.randrange(min(128, len(data) // 2), max(1, min(len(data), 8_000)))


def _element(data: bytearray, dice: random.Random) -> int:
    """Return where something that looks like an explicit type stands, near a random place."""
    start = _spot(data, dice)
    found = [spot for vr in _VRS if (spot := data.find(vr, start, start + 600)) >= 0]
    return min(found, default=start)


def _flip(data: bytearray, dice: random.Random) -> None:
    data[_spot(data, dice)] = dice.choice((0, 0xFF, 0x7F, 0x41, dice.randrange(256)))


def _relength(data: bytearray, dice: random.Random) -> None:
    place, length = _element(data, dice), dice.choice(_LENGTHS)
    form, offset = dice.choice((("<H", 2), ("<L", 4), ("<L", 2)))
    data[place + offset : place + offset + struct.calcsize(form)] = struct.pack(
        form, length & (2 ** (8 * struct.calcsize(form)) - 1)
    )


def _retype(data: bytearray, dice: random.Random) -> None:
    place = _element(data, dice)
    data[place : place + 2] = dice.choice(_VRS)


def _cut_out(data: bytearray, dice: random.Random) -> None:
    place = _spot(data, dice)
    del data[place : place + dice.randint(1, 64)]


def _double(data: bytearray, dice: random.Random) -> None:
    place = _spot(data, dice)
    data[place:place] = data[place : place + dice.randint(8, 400)] * dice.choice((1, 1, 50))


def _stretch(data: bytearray, dice: random.Random) -> None:
    place = _spot(data, dice)
    data[place:place] = dice.choice(
        (_OPEN_SEQUENCE * dice.choice((2, 70)), dice.randbytes(20), b"9" * 2_000, b" " * 4_000)
    )


def hostile() -> Iterator[tuple[str, bytes]]:
    """Yield inputs made by hand against readers, each with its name (issue 6, the parser's part)."""
    whole = planting.encode(builders.ct())
    head = whole[: 144 + int.from_bytes(whole[140:144], "little")]
    body = whole[len(head) :]
    yield from {
        "empty": b"", "one byte": b"D", "only a preamble": whole[:132], "only file meta": head,
        "one byte short": whole[:-1], "half the pixels": whole[: -len(builders.ct().PixelData) // 2],
        "no meta": body, "no meta, no preamble": whole[132:],
        "executable preamble": b"MZ" + b"\x90" * 126 + whole[128:],
        "archive preamble": b"PK\x03\x04" + bytes(124) + whole[128:],
        "picture preamble": b"II*\0" + b"A" * 124 + whole[128:], "twice the file": whole + whole,
    }.items()  # fmt: skip
    for length in (1 << 20, 1 << 30, 0xFFFFFFFE):
        yield f"a text of {length} bytes said", head + b"\x08\0\x05\0UT\0\0" + struct.pack("<L", length) + body
    for depth in (60, 63, 64, 65, 1_000, 40_000):
        yield f"{depth} open sequences", head + _OPEN_SEQUENCE * depth
        yield f"{depth} closed sequences", head + body[: body.index(b"\xe0\x7f\x10\0")] + _nested(depth)
    yield "endless elements", head + b"\x08\0\x08\0CS\0\0" * 300_000
    yield "endless items", head + b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\0\xe0\0\0\0\0" * 300_000
    yield from _long_texts(head, body)
    yield from wrong_types()
    for size in (1 << 20, 64 << 20, 256 << 20):
        yield f"a deflate bomb of {size} bytes", _bomb(size)


def _nested(depth: int) -> bytes:
    """Return sequences of told lengths inside each other (4 GiB bound the innermost ones)."""
    inner = b""
    for _ in range(depth):
        item = struct.pack("<HHL", 0xFFFE, 0xE000, len(inner)) + inner
        inner = b"\x08\0\x40\x11SQ\0\0" + struct.pack("<L", len(item)) + item
    return inner


def _long_texts(head: bytes, body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield texts that a careless search takes quadratic time for, where texts are cleaned and not only dropped."""
    start = body.index(b"\x20\0\x0d\0UI")
    for name, text in {
        "one word": b"a" * _LONG, "one number": b"1" * _LONG, "brackets": b"(" * _LONG,
        "words and numbers": b"a1" * (_LONG // 2), "addresses": b"a@" * (_LONG // 2), "blanks": b" " * _LONG + b"x",
        "backslashes": b"\\" * _LONG, "names": b"^ab" * (_LONG // 4),
    }.items():  # fmt: skip
        for tag in (b"\x08\0\x3e\x10", b"\x10\0\x10\0", b"\x18\0\x50\0", b"\x18\0\x00\x10", b"\x08\0\x60\0"):
            element = tag + b"UT\0\0" + struct.pack("<L", len(text)) + text
            yield f"a long text of {name} at {tag.hex()}", head + body[:start] + element + body[start:]
    blanks = b"\x18\0\x50\0DS" + struct.pack("<H", 4_096) + b" " * 4_095 + b"x"
    yield "blanks for numbers", head + body[:start] + blanks * 4_000 + body[start:]


def wrong_types() -> Iterator[tuple[str, bytes]]:
    """Yield objects in which an attribute is of another type, or says what it must not."""
    for keyword, vr, value in (
        ("Rows", "LO", "many"), ("StudyInstanceUID", "SQ", []), ("PatientName", "US", 7), ("PixelSpacing", "OB", b"0.5\\0.5 "),
        ("NumberOfFrames", "IS", "999999999"), ("SOPInstanceUID", "UI", "../../../../etc/passwd"),
        ("SeriesInstanceUID", "UI", "/etc/passwd\\..\\.."), ("StudyInstanceUID", "UI", "1.2.3\n4"),
    ):  # fmt: skip
        dataset = builders.ct()
        if keyword in dataset:
            del dataset[keyword]
        dataset.add_new(keyword, vr, value)
        yield f"{keyword} as {vr}: {value!r}", planting.encode(dataset)


def _bomb(size: int) -> bytes:
    dataset = builders.ct()
    dataset.file_meta.TransferSyntaxUID = UID(DeflatedExplicitVRLittleEndian)
    whole = planting.encode(dataset)
    head = whole[: 144 + int.from_bytes(whole[140:144], "little")]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = [packer.compress(b"\x08\0\x05\0UT\0\0" + struct.pack("<L", size))]
    packed += [packer.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    return b"".join([head, *packed, packer.flush()])
