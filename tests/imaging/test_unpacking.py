"""Archives are judged before they are opened, and what a site reads says what to do."""

import io
import os
import random
import struct
import tracemalloc
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.unpacking import (
    ArchiveRefusal,
    ArchiveRefused,
    Limits,
    MemberRefusal,
    is_zip,
    looks_like_dicom,
    members,
    plan,
)
from tests.imaging.unpacked import read_all, refusal_of

DICOM = bytes(128) + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00\x00\x00\x00\x00"


def make_zip(files: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def make_zip_of(entry: zipfile.ZipInfo, content: bytes = b"x") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(entry, content)
    return packed.getvalue()


def patch(data: bytes, *, signature: bytes, offset: int, value: bytes) -> bytes:
    at = data.rindex(signature) + offset
    return data[:at] + value + data[at + len(value) :]


@pytest.mark.req("R-UNPK-01")
@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=300).filter(lambda b: b[:1] not in b"P\x1f7RB\xfd"), max_size=12))
def test_every_ordinary_file_comes_out_as_it_went_in(contents: list[bytes]) -> None:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        data = make_zip({f"a/{i}": content for i, content in enumerate(contents)}, method=method)
        assert read_all(data) == (contents, [])


@pytest.mark.req("R-UNPK-01")
def test_what_is_no_image_by_nature_is_skipped_and_counted() -> None:
    files = {
        "scan/IM1": DICOM,
        "__MACOSX/scan/._IM1": b"x",
        "scan/DICOMDIR": DICOM,
        "scan/.DS_Store": b"x",
        "scan/": b"",
    }
    judged = plan(io.BytesIO(make_zip(files)))
    assert (judged.skipped.directories, judged.skipped.system_files, judged.skipped.dicomdirs) == (1, 2, 1)
    assert [member.read() for member in members(judged)] == [DICOM]
    assert judged.declared_size == len(DICOM)


@pytest.mark.req("R-UNPK-02")
@pytest.mark.parametrize("name", ["../a", "a/../../b", "/etc/a", "C:\\a", "..\\a", "\\\\host\\a", "a/..", "a\x00/../b"])
def test_a_name_that_leaves_the_archive_refuses_all_of_it(name: str) -> None:
    entry = zipfile.ZipInfo("placeholder")
    entry.filename = name
    packed = make_zip_of(entry) if "\x00" not in name else make_zip({"a__/../b": b"x"}).replace(b"a__/", b"a\x00_/")
    assert refusal_of(packed) is ArchiveRefusal.ESCAPING_NAME


@pytest.mark.req("R-UNPK-02")
@pytest.mark.parametrize("name", ["a..b/c..", "...", "ab:c"])
def test_dots_and_colons_inside_a_name_are_no_escape(name: str) -> None:
    assert read_all(make_zip({name: DICOM})) == ([DICOM], [])


@pytest.mark.req("R-UNPK-02")
@pytest.mark.parametrize("mode", [0o120777, 0o060600, 0o020600, 0o010600, 0o140600])
def test_links_and_devices_refuse_all_of_it(mode: int) -> None:
    entry = zipfile.ZipInfo("a")
    entry.create_system, entry.external_attr = 3, mode << 16
    assert refusal_of(make_zip_of(entry, b"/etc/passwd")) is ArchiveRefusal.LINK


@pytest.mark.req("R-UNPK-03")
def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = make_zip({"a": bytes(200 * 1024 * 1024)})
    assert len(bomb) < 300_000
    tracemalloc.start()
    assert refusal_of(bomb) is ArchiveRefusal.RATIO
    assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    tracemalloc.stop()


@pytest.mark.req("R-UNPK-03")
def test_many_small_bombs_are_refused_together() -> None:
    entry = zlib_free_zip(count=40, size=1024 * 1024)
    assert refusal_of(entry) is ArchiveRefusal.RATIO


def zlib_free_zip(*, count: int, size: int) -> bytes:
    return make_zip({str(i): bytes(size) for i in range(count)})


@pytest.mark.req("R-UNPK-03")
def test_small_empty_pictures_that_pack_well_are_tolerated() -> None:
    picture = DICOM + bytes(500_000)
    assert read_all(make_zip({"a": picture, "b": picture})) == ([picture, picture], [])


@pytest.mark.req("R-UNPK-03")
def test_too_many_files_and_too_many_bytes_are_refused() -> None:
    data = make_zip({str(i): DICOM for i in range(11)}, method=zipfile.ZIP_STORED)
    assert refusal_of(data, Limits(entries=10)) is ArchiveRefusal.TOO_MANY
    assert refusal_of(data, Limits(total=11 * len(DICOM) - 1)) is ArchiveRefusal.TOO_LARGE
    assert len(read_all(data, Limits(entries=11, total=11 * len(DICOM)))[0]) == 11


@pytest.mark.req("R-UNPK-03")
def test_a_directory_of_half_a_million_entries_is_refused_without_being_listed() -> None:
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    directory = entry * 500_000
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFE, 0xFFFE, len(directory), 4, 0)
    data = b"PK\x03\x04" + directory + end
    tracemalloc.start()
    assert refusal_of(data) is ArchiveRefusal.DAMAGED
    assert tracemalloc.get_traced_memory()[1] < 1024 * 1024
    tracemalloc.stop()


@pytest.mark.req("R-UNPK-04")
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("declared", [10, 99_999, 100_001, 200_000])
def test_a_file_of_another_size_than_declared_is_named_and_left_out(method: int, declared: int) -> None:
    data = make_zip({"a": os.urandom(100_000), "b": DICOM}, method=method)
    at = data.index(b"PK\x01\x02")
    lying = data[: at + 24] + struct.pack("<I", declared) + data[at + 28 :]
    good, bad = read_all(lying)
    assert good == [DICOM]
    assert len(bad) == 1
    assert bad[0] in {MemberRefusal.SIZE_DIFFERS, MemberRefusal.DAMAGED}


@pytest.mark.req("R-UNPK-04")
def test_a_file_that_grows_beyond_its_claim_stops_at_one_byte_more() -> None:
    content = bytes(50 * 1024 * 1024)
    data = make_zip({"a": content})
    at = data.index(b"PK\x01\x02")
    claim, checksum = struct.pack("<I", 1000), struct.pack("<I", zlib.crc32(content[:1000]))
    lying = data[: at + 16] + checksum + data[at + 20 : at + 24] + claim + data[at + 28 :]
    tracemalloc.start()
    assert read_all(lying) == ([], [MemberRefusal.SIZE_DIFFERS])
    assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    tracemalloc.stop()


@pytest.mark.req("R-UNPK-04")
def test_a_declared_size_of_four_gigabytes_takes_no_memory() -> None:
    data = make_zip({"a": DICOM})
    at = data.index(b"PK\x01\x02")
    lying = data[: at + 20] + struct.pack("<II", 0xFFFFFFF0, 0xFFFFFFF0) + data[at + 28 :]
    tracemalloc.start()
    assert refusal_of(lying) in {ArchiveRefusal.OVERLAP, ArchiveRefusal.TOO_LARGE}
    assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    tracemalloc.stop()


@pytest.mark.req("R-UNPK-05")
def test_files_that_share_their_bytes_refuse_all_of_it() -> None:
    data = make_zip({"a": os.urandom(5000)})
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    directory = data[start:end] * 3
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 3, 3, len(directory), start, 0)
    assert refusal_of(data[:start] + directory + tail) is ArchiveRefusal.OVERLAP


@pytest.mark.req("R-ARC-06")
def test_a_file_whose_packed_bytes_hold_the_next_header_refuses_all_of_it() -> None:
    # One kernel that many headers quote, each reaching over all that follow: 42 kB that would unpack to gigabytes.
    data = make_zip({"a": b"x" * 100, "b": b"y" * 100}, method=zipfile.ZIP_STORED)
    start = data.index(b"PK\x01\x02")
    reaching = patch(data[: start + 46], signature=b"PK\x01\x02", offset=20, value=struct.pack("<II", 231, 231))
    assert refusal_of(reaching + data[start + 46 :]) is ArchiveRefusal.OVERLAP


@pytest.mark.req("R-ARC-06")
def test_a_header_that_differs_from_the_directory_shows_nothing_hidden() -> None:
    data = bytearray(make_zip({"good": DICOM, "shown": DICOM + b"1"}, method=zipfile.ZIP_STORED))
    at = data.index(b"shown")
    data[at : at + 5] = b"other"
    assert read_all(bytes(data)) == ([DICOM], [MemberRefusal.DAMAGED])


@pytest.mark.req("R-ARC-06")
@pytest.mark.parametrize("at", [0, 4, 8])
def test_sizes_and_places_of_four_billion_gigabytes_in_the_large_form_take_nothing(at: int) -> None:
    entry = zipfile.ZipInfo("a")
    entry.extra = struct.pack("<HH", 1, 24) + b"".join(
        struct.pack("<Q", 2**62 if at == place else 1) for place in (0, 4, 8)
    )
    data = make_zip_of(entry)
    start = data.index(b"PK\x01\x02")
    lying = data[: start + 20] + b"\xff" * 8 + data[start + 28 : start + 42] + b"\xff" * 4 + data[start + 46 :]
    tracemalloc.start()
    assert refusal_of(lying) in {ArchiveRefusal.OVERLAP, ArchiveRefusal.TOO_LARGE, ArchiveRefusal.DAMAGED}
    assert tracemalloc.get_traced_memory()[1] < 1024 * 1024
    tracemalloc.stop()


@pytest.mark.req("R-ARC-06")
def test_folders_without_end_refuse_the_zip() -> None:
    assert refusal_of(make_zip({"x/" * 65 + "a": DICOM})) is ArchiveRefusal.TOO_DEEP
    assert read_all(make_zip({"x/" * 64 + "a": DICOM})) == ([DICOM], [])


@pytest.mark.req("R-UNPK-06")
def test_a_password_is_explained() -> None:
    data = make_zip({"a": DICOM})
    locked = patch(data, signature=b"PK\x01\x02", offset=8, value=struct.pack("<H", 1))
    with pytest.raises(ArchiveRefused, match="send it without a password") as refused:
        plan(io.BytesIO(locked))
    assert refused.value.code is ArchiveRefusal.ENCRYPTED


@pytest.mark.req("R-UNPK-06")
@pytest.mark.parametrize("content", [b"Rar!\x1a\x07\x00", b"7z\xbc\xaf\x27\x1c", b"", b"P", DICOM, bytes(600)])
def test_another_kind_of_archive_is_told_what_to_send(content: bytes) -> None:
    assert not is_zip(io.BytesIO(content))
    with pytest.raises(ArchiveRefused, match="send it as ZIP or as a folder") as refused:
        plan(io.BytesIO(content))
    assert refused.value.code is ArchiveRefusal.UNKNOWN_KIND


@pytest.mark.req("R-UNPK-06")
def test_a_zip_cut_anywhere_is_refused_in_words_and_never_breaks() -> None:
    data = make_zip({str(i): os.urandom(200) for i in range(5)})
    for length in range(4, len(data) - 1, 7):
        assert refusal_of(data[:length]) is ArchiveRefusal.DAMAGED


@pytest.mark.req("R-UNPK-06")
@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_mutilated_zip_gives_files_or_sentences_and_nothing_else(chance: random.Random) -> None:
    data = bytearray(make_zip({str(i): chance.randbytes(60) for i in range(4)}))
    for _ in range(chance.randint(1, 6)):
        data[chance.randrange(4, len(data))] = chance.randrange(256)
    try:
        good, bad = read_all(bytes(data))
    except ArchiveRefused:
        return
    assert len(good) + len(bad) <= 4


@pytest.mark.req("R-UNPK-07")
def test_five_good_files_are_kept_and_three_bad_ones_named() -> None:
    files = {str(i): DICOM + bytes([i]) for i in range(5)}
    data = make_zip({**files, "empty": b"", "more.zip": make_zip(files), "hidden": make_zip(files)})
    good, bad = read_all(data)
    assert good == list(files.values())
    assert sorted(bad) == sorted([MemberRefusal.EMPTY, MemberRefusal.NESTED, MemberRefusal.NESTED])


@pytest.mark.req("R-UNPK-07")
def test_a_file_damaged_inside_is_named_and_its_neighbours_stand() -> None:
    content = [os.urandom(5000) for _ in range(3)]
    data = bytearray(make_zip({str(i): one for i, one in enumerate(content)}, method=zipfile.ZIP_STORED))
    data[data.index(content[1]) + 2500] ^= 1
    assert read_all(bytes(data)) == ([content[0], content[2]], [MemberRefusal.DAMAGED])


@pytest.mark.req("R-UNPK-07")
@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packing_without_a_bound_is_left_out_by_name(method: int) -> None:
    assert read_all(make_zip({"a": os.urandom(9000)}, method=method)) == ([], [MemberRefusal.METHOD])


@pytest.mark.req("R-UNPK-07")
def test_a_refused_file_is_named_by_number_and_never_by_its_name() -> None:
    judged = plan(io.BytesIO(make_zip({"ok": DICOM, "MUSTERMANN_ERIKA": b""})))
    assert [(member.index, member.code) for member in judged.refused] == [(1, MemberRefusal.EMPTY)]
    assert judged.refused[0].reason == "File 2 of the archive is empty. It was left out; please export it again."


@pytest.mark.req("R-UNPK-07")
def test_a_file_larger_than_we_open_is_left_out() -> None:
    data = make_zip({"a": os.urandom(2000), "b": DICOM})
    assert read_all(data, Limits(member=1999)) == ([DICOM], [MemberRefusal.TOO_LARGE])


@pytest.mark.req("R-UNPK-08")
@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (DICOM, True),
        (b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100", True),
        (b"\x08\x00\x16\x00\x1a\x00\x00\x001.2.840.10008", True),
        (b"\x08\x00\x16\x00\xff\xff\xff\x00", False),
        (b"", False),
        (b"\x08\x00", False),
        (b"hello", False),
        (b"<html>" + bytes(200), False),
        (b"\x89PNG" + bytes(200), False),
    ],
)
def test_the_first_bytes_tell_whether_a_file_may_be_dicom(head: bytes, *, expected: bool) -> None:
    assert looks_like_dicom(head) is expected
