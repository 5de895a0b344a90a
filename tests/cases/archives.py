"""Bad archives, each around good images: what escapes, overlaps, explodes or is cut."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from typing import IO

from tests.cases import good
from tests.cases.bad import ANY, NEVER, Bad

_MIB = 1 << 20


def archives() -> Iterator[Bad]:
    """Yield all; where `must` is NEVER nothing of the archive may be filed."""
    yield from _zips()
    yield from _broken_zips()
    yield from _tars()
    yield from _gzips()


def image(seed: str) -> bytes:
    return good.written(good.image("CT", seed=f"archive {seed}"))


def zipped(members: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as bundle:
        for name, data in members.items():
            bundle.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return buffer.getvalue()


def _zips() -> Iterator[Bad]:
    names = {
        "slip": "../rel_pwned", "deep slip": "a/../../../rel_pwned", "absolute": "/var/rel_pwned", "drive": "C:/rel_pwned",
        "backslashes": "..\\rel_pwned", "a network": "\\\\host\\rel_pwned",
    }  # fmt: skip
    for name, member in names.items():
        data = zipped({"good": image(f"zip {name}"), member: image(f"zip {name} 2")})
        yield Bad(kind="archives", name=f"ZIP: {name}", data=data, must=NEVER)
    for name, mode in {"link": stat.S_IFLNK, "device": stat.S_IFCHR, "pipe": stat.S_IFIFO}.items():
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as bundle:
            bundle.writestr("good", image(f"zip {name}"))
            entry = zipfile.ZipInfo("odd")
            entry.external_attr = (mode | 0o777) << 16
            bundle.writestr(entry, "/etc/passwd")
        yield Bad(kind="archives", name=f"ZIP: {name}", data=buffer.getvalue(), must=NEVER)
    bomb = zipped({"good": image("zip bomb"), "zeros": bytes(300 * _MIB)})
    yield Bad(kind="archives", name="ZIP: 300 MiB of zeros", data=bomb, must=NEVER)
    nested = image("zip nested")
    for _ in range(12):
        nested = zipped({"inner.zip": nested})
    yield Bad(kind="archives", name="ZIP: twelve deep", data=nested, must=NEVER)
    many = zipped({f"{n}": b"" for n in range(70_000)}, method=zipfile.ZIP_STORED)
    yield Bad(kind="archives", name="ZIP: 70,000 members", data=many, must=NEVER)
    five = {f"{n}": image(f"zip five {n}") for n in range(5)}
    mixed = five | {"cut": five["0"][:-9], "text": b"no image" * 50, "empty": b""}
    yield Bad(kind="archives", name="ZIP: five good, three bad", data=zipped(mixed))


def _broken_zips() -> Iterator[Bad]:
    whole = zipped({"one": image("zip broken"), "two": image("zip broken 2")}, method=zipfile.ZIP_STORED)
    yield Bad(kind="archives", name="ZIP: cut", data=whole[: len(whole) // 2], must=NEVER)
    yield Bad(kind="archives", name="ZIP: cut in its directory", data=whole[:-30], must=NEVER)
    flipped = bytearray(whole)
    flipped[600] ^= 0xFF
    yield Bad(kind="archives", name="ZIP: a flipped byte", data=bytes(flipped))
    directory = whole.rindex(b"PK\x01\x02")
    for name, offset, value in (
        ("4 GiB said", 24, b"\xfe\xff\xff\xff"), ("overlap", 42, bytes(4)), ("a locked member", 8, b"\x01\0"),
        ("a method nobody knows", 10, b"\x63\0"),
    ):  # fmt: skip
        lying = bytearray(whole)
        lying[directory + offset : directory + offset + len(value)] = value
        must = ANY if name in {"a locked member", "a method nobody knows"} else NEVER
        yield Bad(kind="archives", name=f"ZIP: {name}", data=bytes(lying), must=must)
    yield Bad(kind="archives", name="ZIP: nothing in it", data=zipped({}), must=NEVER)


def tarred(fill: Callable[[tarfile.TarFile], None], *, mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    out: IO[bytes] = buffer
    with tarfile.open(fileobj=out, mode=mode) as bundle:  # type: ignore[call-overload]  # the mode is a word of ours
        fill(bundle)
    return buffer.getvalue()


def _entry(
    bundle: tarfile.TarFile, name: str, data: bytes = b"", *, kind: bytes = tarfile.REGTYPE, to: str = ""
) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = kind, to, len(data)
    bundle.addfile(entry, io.BytesIO(data))


def _tars() -> Iterator[Bad]:
    for name, kind, to in (
        ("link", tarfile.SYMTYPE, "/etc/passwd"), ("hard link", tarfile.LNKTYPE, "good"), ("device", tarfile.CHRTYPE, ""),
        ("block device", tarfile.BLKTYPE, ""), ("pipe", tarfile.FIFOTYPE, ""),
    ):  # fmt: skip

        def fill(bundle: tarfile.TarFile, name: str = name, kind: bytes = kind, to: str = to) -> None:
            _entry(bundle, "good", image(f"tar {name}"))
            _entry(bundle, "odd", kind=kind, to=to)

        yield Bad(kind="archives", name=f"tar: {name}", data=tarred(fill, mode="w:gz"), must=NEVER)
    for name in ("../rel_pwned", "/var/rel_pwned", "a/../../rel_pwned"):
        data = tarred(lambda bundle, name=name: _entry(bundle, name, image(f"tar {name}")))  # type: ignore[misc]
        yield Bad(kind="archives", name=f"tar: {name}", data=data, must=NEVER)
    whole = tarred(lambda bundle: _entry(bundle, "good", image("tar cut")))
    yield Bad(kind="archives", name="tar: cut", data=whole[:900], must=NEVER)
    lying = bytearray(whole)
    lying[124:136] = b"77777777777\0"
    lying[148:156] = b"%06o\0 " % (sum(lying[:148]) + 8 * 32 + sum(lying[156:512]))
    yield Bad(kind="archives", name="tar: 8 GiB said", data=bytes(lying), must=NEVER)


def _gzips() -> Iterator[Bad]:
    bomb = gzip.compress(bytes(300 * _MIB))
    yield Bad(kind="archives", name="gzip: 300 MiB of zeros", data=bomb, must=NEVER)
    tar_bomb = gzip.compress(tarred(lambda bundle: _entry(bundle, "zeros", bytes(200 * _MIB))))
    yield Bad(kind="archives", name="tar.gz: 200 MiB of zeros", data=tar_bomb, must=NEVER)
    whole = gzip.compress(image("gzip"))
    yield Bad(kind="archives", name="gzip: cut", data=whole[:-20], must=NEVER)
    yield Bad(kind="archives", name="gzip: noise behind it", data=whole + b"noise" * 20)
    flipped = whole[:-8] + struct.pack("<LL", 1, 2)
    yield Bad(kind="archives", name="gzip: a false sum", data=flipped, must=NEVER)
