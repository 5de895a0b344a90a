"""A tar, plain or gzipped, is judged whole before anything is taken from it, as a ZIP is."""

import gzip
import io
import os
import random
import struct
import tarfile
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.unpacking import (
    ArchiveRefusal,
    ArchiveRefused,
    Limits,
    MemberRefusal,
    inflating,
    members,
    plan,
)
from tests.imaging.unpacked import read_all, refusal_of

DICOM = bytes(128) + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00\x00\x00\x00\x00\x00"
FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
MEBIBYTE = 1024 * 1024


def tar_of(files: dict[str, bytes], *, form: int = tarfile.PAX_FORMAT) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as bundle:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            bundle.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def tar_with(**told: object) -> bytes:
    """One entry whose header says what is told; a good file stands before it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as bundle:
        good = tarfile.TarInfo("good")
        good.size = len(DICOM)
        bundle.addfile(good, io.BytesIO(DICOM))
        entry = tarfile.TarInfo("entry")
        for field, value in told.items():
            setattr(entry, field, value)
        bundle.addfile(entry)
    return packed.getvalue()


def sealed_header(header: bytes) -> bytes:
    """A header with the sum that fits it, however it was changed."""
    total = sum(header[:148] + b" " * 8 + header[156:])
    return header[:148] + b"%06o\0 " % total + header[156:]


@pytest.mark.req("R-ARC-01")
@settings(max_examples=30, deadline=None)
@given(
    contents=st.lists(st.binary(min_size=1, max_size=1500).filter(lambda b: b[:1] not in b"P\x1f7RB\xfd"), max_size=8),
    stem=st.text(st.characters(exclude_characters="/\\\x00:", exclude_categories=["Cs"]), min_size=1, max_size=150),
    form=st.sampled_from(FORMATS[1:]),
)
def test_every_ordinary_tar_gives_its_files_as_they_went_in(contents: list[bytes], stem: str, form: int) -> None:
    data = tar_of({f"{i}/{stem}": content for i, content in enumerate(contents)}, form=form)
    if not stem.lower().endswith((".zip", ".gz", ".tar", ".tgz", ".bz2", ".xz", ".7z", ".rar", "dicomdir")):
        for packed in (data, gzip.compress(data, 1)):
            assert not contents or read_all(packed) == (contents, [])


@pytest.mark.req("R-ARC-01")
@pytest.mark.parametrize("form", FORMATS)
def test_long_names_and_folders_are_read_in_each_dialect(form: int) -> None:
    name = "/".join(["scan of the day"] * 6) + "/IM0001"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as bundle:
        folder = tarfile.TarInfo("scan")
        folder.type = tarfile.DIRTYPE
        bundle.addfile(folder)
        for title, content in ((name, DICOM), ("scan/DICOMDIR", DICOM), ("scan/._IM1", b"x")):
            entry = tarfile.TarInfo(title)
            entry.size = len(content)
            bundle.addfile(entry, io.BytesIO(content))
    judged = plan(io.BytesIO(packed.getvalue()))
    assert (judged.skipped.directories, judged.skipped.system_files, judged.skipped.dicomdirs) == (1, 1, 1)
    assert [member.read() for member in members(judged)] == [DICOM]
    assert (judged.wanted, judged.declared_size) == ((1,), len(DICOM))


@pytest.mark.req("R-ARC-01")
def test_a_member_that_nobody_reads_is_passed_over() -> None:
    data = gzip.compress(tar_of({str(i): DICOM + bytes([i]) * 700 for i in range(4)}))
    judged = plan(io.BytesIO(data))
    assert [member.read()[-1] for member in members(judged) if member.index % 2] == [1, 3]


@pytest.mark.req("R-ARC-01")
def test_one_gzipped_image_is_taken_and_any_other_gzip_is_told_what_to_send() -> None:
    picture = DICOM + os.urandom(3 * MEBIBYTE)
    assert read_all(gzip.compress(picture, 1)) == ([picture], [])
    for other in (b"not an image" * 50, gzip.compress(picture, 1), b""):
        assert refusal_of(gzip.compress(other)) is ArchiveRefusal.UNKNOWN_KIND
    assert refusal_of(gzip.compress(picture, 1), Limits(member=MEBIBYTE)) is ArchiveRefusal.TOO_LARGE


@pytest.mark.req("R-ARC-02")
@pytest.mark.parametrize(
    "name", ["../a", "a/../../b", "/etc/a", "C:\\a", "..\\a", "\\\\host\\a", "a/..", "x/" * 66 + "a"]
)
@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_name_that_leaves_the_tar_or_goes_too_deep_refuses_all_of_it(name: str, form: int) -> None:
    expected = ArchiveRefusal.TOO_DEEP if name.startswith("x/") else ArchiveRefusal.ESCAPING_NAME
    assert refusal_of(tar_of({"good": DICOM, name: DICOM}, form=form)) is expected


@pytest.mark.req("R-ARC-02")
def test_a_long_name_that_escapes_hides_behind_no_harmless_short_one() -> None:
    data = tar_of({"harmless": DICOM}, form=tarfile.PAX_FORMAT)
    record = b"15 path=../../a\n"
    assert len(record) == 16
    told = b"16 path=../../a\n"
    extension = tarfile.TarInfo("pax")
    extension.type, extension.size = tarfile.XHDTYPE, len(told)
    head = extension.tobuf(tarfile.USTAR_FORMAT) + told.ljust(512, b"\0")
    assert refusal_of(head + data) is ArchiveRefusal.ESCAPING_NAME
    assert refusal_of(head.replace(told, record) + data) is ArchiveRefusal.DAMAGED


@pytest.mark.req("R-ARC-02")
@pytest.mark.parametrize(
    "kind", [tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE], ids=repr
)
def test_links_and_devices_in_a_tar_refuse_all_of_it(kind: bytes) -> None:
    assert refusal_of(tar_with(type=kind, linkname="/etc/passwd")) is ArchiveRefusal.LINK
    assert refusal_of(gzip.compress(tar_with(type=kind, linkname="good"))) is ArchiveRefusal.LINK


@pytest.mark.req("R-ARC-02")
def test_files_with_holes_are_refused_in_the_old_and_the_new_form() -> None:
    assert refusal_of(tar_with(type=tarfile.GNUTYPE_SPARSE)) is ArchiveRefusal.SPARSE
    for key in ("GNU.sparse.major", "GNU.sparse.map", "GNU.sparse.realsize"):
        assert refusal_of(tar_with(pax_headers={key: "1"})) is ArchiveRefusal.SPARSE


@pytest.mark.req("R-ARC-02")
@pytest.mark.parametrize("kind", [b"M", b"V", b"D", b"N", b"Z"])
def test_kinds_of_entry_that_no_scan_needs_are_refused(kind: bytes) -> None:
    assert refusal_of(tar_with(type=kind)) is ArchiveRefusal.DAMAGED


def bomb_of(kind: str) -> bytes:
    content = bytes(200 * MEBIBYTE)
    if kind == "image":
        return gzip.compress(DICOM + content, 9)
    if kind == "tar":
        return gzip.compress(tar_of({"a": content}), 9)
    if kind == "streams":
        return gzip.compress(tar_of({"a": content})[: 100 * MEBIBYTE], 9) + gzip.compress(content[: 100 * MEBIBYTE], 9)
    return gzip.compress(tar_of({"a": DICOM}) + content, 9)


@pytest.mark.req("R-ARC-03")
@pytest.mark.parametrize("kind", ["image", "tar", "streams", "tail"])
def test_a_gzip_bomb_is_refused_in_little_memory(kind: str) -> None:
    bomb = bomb_of(kind)
    assert len(bomb) < MEBIBYTE
    tracemalloc.start()
    assert refusal_of(bomb) is ArchiveRefusal.RATIO
    assert tracemalloc.get_traced_memory()[1] < 4 * MEBIBYTE
    tracemalloc.stop()


@pytest.mark.req("R-ARC-03")
def test_empty_pictures_that_pack_well_are_tolerated_in_a_small_tar() -> None:
    pictures = {str(i): DICOM + bytes(500_000) for i in range(20)}
    assert read_all(gzip.compress(tar_of(pictures), 9)) == (list(pictures.values()), [])


@pytest.mark.req("R-ARC-03")
def test_too_many_files_headers_streams_or_bytes_in_a_tar_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {str(i): DICOM for i in range(11)}
    data = tar_of(files)
    assert refusal_of(data, Limits(entries=10)) is ArchiveRefusal.TOO_MANY
    assert refusal_of(data, Limits(total=11 * len(DICOM) - 1)) is ArchiveRefusal.TOO_LARGE
    assert len(read_all(data, Limits(entries=11, total=11 * len(DICOM)))[0]) == 11
    extension = tarfile.TarInfo("pax")
    extension.type = tarfile.XHDTYPE
    assert refusal_of(extension.tobuf() * 50 + data, Limits(entries=11)) is ArchiveRefusal.TOO_MANY
    monkeypatch.setattr(inflating, "_STREAMS", 5)
    streams = b"".join(gzip.compress(data[at : at + 512]) for at in range(0, len(data), 512))
    assert refusal_of(streams) is ArchiveRefusal.TOO_MANY


@pytest.mark.req("R-ARC-03")
@pytest.mark.parametrize("size", [b"\x80" + b"\xff" * 11, b"\x80" + bytes(4) + b"\xff" * 7, b"77777777777\0"])
def test_a_file_that_claims_to_be_huge_takes_neither_memory_nor_time(size: bytes) -> None:
    header = tar_of({"a": b"x"})[:512]
    lying = sealed_header(header[:124] + size + header[136:]) + bytes(2048)
    tracemalloc.start()
    for data in (lying, gzip.compress(lying)):
        assert refusal_of(data) is ArchiveRefusal.TOO_LARGE
    assert tracemalloc.get_traced_memory()[1] < 2 * MEBIBYTE
    tracemalloc.stop()


@pytest.mark.req("R-ARC-03")
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_name_that_claims_a_gigabyte_is_not_read(kind: bytes) -> None:
    extension = tarfile.TarInfo("long")
    extension.type, extension.size = kind, 1024 * MEBIBYTE
    tracemalloc.start()
    assert refusal_of(extension.tobuf() + bytes(4096)) is ArchiveRefusal.DAMAGED
    assert tracemalloc.get_traced_memory()[1] < MEBIBYTE
    tracemalloc.stop()


@pytest.mark.req("R-ARC-04")
def test_a_tar_cut_anywhere_is_refused_in_words_and_never_breaks() -> None:
    data = tar_of({str(i): os.urandom(700) for i in range(4)}, form=tarfile.GNU_FORMAT)
    whole = len(data.rstrip(b"\0"))
    packed = gzip.compress(data)
    assert all(refusal_of(data[:length]) is ArchiveRefusal.DAMAGED for length in range(300, whole, 97))
    assert all(refusal_of(packed[:length]) is ArchiveRefusal.DAMAGED for length in range(20, len(packed) - 1, 97))


@pytest.mark.req("R-ARC-04")
def test_a_tar_cut_between_two_files_or_with_something_behind_its_end_is_not_whole() -> None:
    data = tar_of({"a": DICOM, "b": DICOM}, form=tarfile.GNU_FORMAT)
    assert refusal_of(data[:1024]) is ArchiveRefusal.DAMAGED
    assert refusal_of(data + tar_of({"hidden": DICOM})) is ArchiveRefusal.DAMAGED
    assert refusal_of(gzip.compress(data) + b"PK\x03\x04") is ArchiveRefusal.DAMAGED
    assert refusal_of(gzip.compress(data)[:-4] + bytes(4)) is ArchiveRefusal.DAMAGED


@pytest.mark.req("R-ARC-04")
def test_a_gzip_of_several_streams_in_a_row_is_one_file() -> None:
    files = {str(i): DICOM + os.urandom(200_000) for i in range(3)}
    data = tar_of(files)
    cut = (0, 1, 70_000, 300_001, len(data))
    packed = b"".join(gzip.compress(data[start:end]) for start, end in pairwise(cut))
    assert read_all(packed + bytes(9000)) == (list(files.values()), [])


@pytest.mark.req("R-ARC-04")
@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False), st.booleans())
def test_a_mutilated_tar_gives_files_or_sentences_and_nothing_else(chance: random.Random, is_packed: bool) -> None:  # noqa: FBT001  hypothesis gives it
    data = tar_of({f"{i}" * 120: chance.randbytes(60) for i in range(3)}, form=chance.choice(FORMATS[1:]))
    mutilated = bytearray(gzip.compress(data) if is_packed else data)
    for _ in range(chance.randint(1, 6)):
        mutilated[chance.randrange(2, len(mutilated))] = chance.randrange(256)
    try:
        good, bad = read_all(bytes(mutilated))
    except ArchiveRefused:
        return
    assert len(good) + len(bad) <= 3


def damaged(change: Callable[[bytearray], None]) -> bytes:
    data = bytearray(tar_of({"a": DICOM}, form=tarfile.USTAR_FORMAT))
    change(data)
    return sealed_header(bytes(data[:512])) + bytes(data[512:])


@pytest.mark.req("R-ARC-04")
@pytest.mark.parametrize(
    "size", [b"-0000000001\0", b"0x000000001\0", b"0_000000001\0", b"\xff" * 12, b"0000000009 \0"[:12]]
)
def test_a_size_that_is_no_number_refuses_the_tar(size: bytes) -> None:
    assert refusal_of(damaged(lambda data: data.__setitem__(slice(124, 136), size))) is ArchiveRefusal.DAMAGED


@pytest.mark.req("R-ARC-05")
def test_of_a_tar_five_good_files_are_kept_and_the_bad_ones_named_by_number() -> None:
    files = {str(i): DICOM + bytes([i]) for i in range(5)}
    inner = tar_of(files)
    bad_ones = {"empty": b"", "more.tar": inner, "hidden": inner, "large": bytes(len(inner) + 1)}
    for packed in (tar_of(files | bad_ones), gzip.compress(tar_of(files | bad_ones), 1)):
        good, bad = read_all(packed, Limits(member=len(inner)))
        assert good == list(files.values())
        nested, others = [MemberRefusal.NESTED] * 2, [MemberRefusal.EMPTY, MemberRefusal.TOO_LARGE]
        assert sorted(bad) == sorted(nested + others)
    judged = plan(io.BytesIO(tar_of({"ok": DICOM, "MUSTERMANN_ERIKA": b""})))
    assert [member.reason for member in judged.refused] == [
        "File 2 of the archive is empty. It was left out; please export it again."
    ]


@pytest.mark.req("R-ARC-05")
def test_the_tar_of_the_system_is_read_too(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"IM{number}").write_bytes(DICOM + struct.pack("<I", number))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as bundle:
        bundle.add(tmp_path, arcname="scan")
    assert len(read_all(packed.getvalue())[0]) == 3
