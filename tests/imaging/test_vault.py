"""The quarantine keeps what it was given, shows nothing, and notices every change."""

import io
import os
import stat
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imaging import vault as vault_module
from imaging.vault import PART_SIZE, QuarantineDamaged, Stage, Vault, WrongKey, writing
from imaging.vault.writing import TEMPORARY_PREFIX

KEK = bytes(range(32))
SECRET = b"MUSTERMANN^ERIKA 1961-02-03 AKH-4711"


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "quarantine", KEK)


@pytest.fixture
def wrapped(vault: Vault) -> bytes:
    return vault.new_wrapped_key()


def seal_parts(
    vault: Vault, wrapped: bytes, chunks: list[bytes], *, submission: str = "s-1", number: int = 0
) -> list[int]:
    return [
        vault.seal(submission=submission, number=number, part=part, data=chunk, wrapped_key=wrapped).size
        for part, chunk in enumerate(chunks)
    ]


def sealed_files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


@pytest.mark.req("R-QUAR-01")
def test_what_was_sealed_comes_back_with_its_size_and_hash(vault: Vault, wrapped: bytes) -> None:
    sealed = vault.seal(submission="s-1", number=3, part=0, data=SECRET, wrapped_key=wrapped)
    assert (sealed.size, sealed.sha256) == (len(SECRET), sha256(SECRET).hexdigest())
    with vault.open(submission="s-1", number=3, parts=[sealed.size], wrapped_key=wrapped) as reader:
        assert reader.read() == SECRET


@pytest.mark.req("R-QUAR-01")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    chunks=st.lists(st.binary(max_size=40), max_size=8),
    moves=st.lists(st.tuples(st.integers(0, 330), st.integers(-1, 120)), max_size=12),
)
def test_the_reader_behaves_as_a_plain_file_whatever_the_parts(
    vault: Vault, wrapped: bytes, chunks: list[bytes], moves: list[tuple[int, int]]
) -> None:
    sizes = seal_parts(vault, wrapped, chunks)
    reader = vault.open(submission="s-1", number=0, parts=sizes, wrapped_key=wrapped)
    plain = io.BytesIO(b"".join(chunks))
    for offset, length in moves:
        assert reader.seek(offset) == plain.seek(offset)
        assert reader.read(length) == plain.read(length)
        assert reader.tell() == plain.tell()
    assert reader.seek(0, os.SEEK_END) == plain.seek(0, os.SEEK_END)


@pytest.mark.req("R-QUAR-02")
def test_no_plain_text_lies_anywhere_below_the_root(vault: Vault, wrapped: bytes, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("MUSTERMANN/IM1", SECRET * 1000)
    for number, data in enumerate((SECRET, SECRET * 50_000, packed.getvalue())):
        seal_parts(vault, wrapped, [data[:PART_SIZE]], number=number)
    vault.seal(submission="s-1", number=0, part=0, data=SECRET, wrapped_key=wrapped, stage=Stage.CLEANED)
    found = sealed_files(tmp_path)
    assert len(found) == 4
    for path in found:
        content = path.read_bytes() + str(path).encode()
        assert not any(word in content for word in (b"MUSTERMANN", b"ERIKA", b"1961-02-03", b"AKH-4711"))


@pytest.mark.req("R-QUAR-02")
def test_the_same_bytes_sealed_twice_never_look_alike(vault: Vault, wrapped: bytes, tmp_path: Path) -> None:
    for number in (0, 1):
        vault.seal(submission="s-1", number=number, part=0, data=SECRET, wrapped_key=wrapped)
    one, other = (path.read_bytes() for path in sealed_files(tmp_path))
    assert one != other


@pytest.mark.req("R-QUAR-03")
def test_a_flip_of_any_byte_of_a_sealed_part_is_noticed(vault: Vault, wrapped: bytes, tmp_path: Path) -> None:
    sizes = seal_parts(vault, wrapped, [SECRET])
    (path,) = sealed_files(tmp_path)
    good = path.read_bytes()
    for place in range(len(good)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        with pytest.raises(QuarantineDamaged):
            vault.open(submission="s-1", number=0, parts=sizes, wrapped_key=wrapped).read()
    path.write_bytes(good)
    assert vault.open(submission="s-1", number=0, parts=sizes, wrapped_key=wrapped).read() == SECRET


@pytest.mark.req("R-QUAR-03")
@pytest.mark.parametrize("length", [0, 5, 12, 27, 40])
def test_a_part_cut_short_is_noticed(vault: Vault, wrapped: bytes, tmp_path: Path, length: int) -> None:
    sizes = seal_parts(vault, wrapped, [SECRET])
    (path,) = sealed_files(tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(QuarantineDamaged):
        vault.open(submission="s-1", number=0, parts=sizes, wrapped_key=wrapped).read()


@pytest.mark.req("R-QUAR-03")
def test_a_missing_part_is_noticed(vault: Vault, wrapped: bytes, tmp_path: Path) -> None:
    sizes = seal_parts(vault, wrapped, [b"one", b"two"])
    sealed_files(tmp_path)[1].unlink()
    with pytest.raises(QuarantineDamaged):
        vault.open(submission="s-1", number=0, parts=sizes, wrapped_key=wrapped).read()


@pytest.mark.req("R-QUAR-03")
def test_parts_put_in_each_others_place_are_noticed(vault: Vault, wrapped: bytes, tmp_path: Path) -> None:
    seal_parts(vault, wrapped, [b"one", b"two"])
    vault.seal(submission="s-2", number=0, part=0, data=b"six", wrapped_key=wrapped)
    vault.seal(submission="s-1", number=0, part=0, data=b"new", wrapped_key=wrapped, stage=Stage.CLEANED)
    cleaned, first, second, foreign = (path.read_bytes() for path in sealed_files(tmp_path))
    place = next(path for path in sealed_files(tmp_path) if path.read_bytes() == first)
    for stranger in (second, foreign, cleaned):
        place.write_bytes(stranger)
        with pytest.raises(QuarantineDamaged):
            vault.open(submission="s-1", number=0, parts=[3, 3], wrapped_key=wrapped).read()


@pytest.mark.req("R-QUAR-03")
def test_a_size_other_than_recorded_is_noticed(vault: Vault, wrapped: bytes) -> None:
    seal_parts(vault, wrapped, [SECRET])
    with pytest.raises(QuarantineDamaged):
        vault.open(submission="s-1", number=0, parts=[len(SECRET) - 1], wrapped_key=wrapped).read()


@pytest.mark.req("R-QUAR-04")
def test_another_installations_key_opens_nothing_and_says_so(vault: Vault, wrapped: bytes, tmp_path: Path) -> None:
    seal_parts(vault, wrapped, [SECRET])
    stranger = Vault(tmp_path / "quarantine", bytes(32))
    with pytest.raises(WrongKey, match="start again with the key"):
        stranger.open(submission="s-1", number=0, parts=[len(SECRET)], wrapped_key=wrapped)
    with pytest.raises(WrongKey):
        stranger.seal(submission="s-1", number=1, part=0, data=b"x", wrapped_key=wrapped)


@pytest.mark.req("R-QUAR-04")
def test_the_key_of_one_submission_does_not_open_another(vault: Vault, wrapped: bytes) -> None:
    seal_parts(vault, wrapped, [SECRET])
    with pytest.raises(QuarantineDamaged):
        vault.open(submission="s-1", number=0, parts=[len(SECRET)], wrapped_key=vault.new_wrapped_key()).read()


@pytest.mark.req("R-QUAR-04")
@pytest.mark.parametrize("bad", [b"", b"short", bytes(61)])
def test_a_damaged_wrapped_key_is_refused(vault: Vault, bad: bytes) -> None:
    with pytest.raises(WrongKey):
        vault.open(submission="s-1", number=0, parts=[1], wrapped_key=bad)


@pytest.mark.req("R-QUAR-04")
def test_a_key_of_the_wrong_length_does_not_open_a_store(tmp_path: Path) -> None:
    with pytest.raises(WrongKey):
        Vault(tmp_path, b"short")


@pytest.mark.req("R-QUAR-05")
@pytest.mark.parametrize("foreign", ["../out", "a/b", "", ".", "..", "x" * 65, "a\x00b", "-rf", "a\n"])
def test_only_ids_of_our_own_become_names(vault: Vault, wrapped: bytes, foreign: str) -> None:
    with pytest.raises(ValueError, match="not an id of ours"):
        vault.seal(submission=foreign, number=0, part=0, data=b"x", wrapped_key=wrapped)
    with pytest.raises(ValueError, match="not an id of ours"):
        vault.destroy(foreign)


@pytest.mark.req("R-QUAR-05")
def test_folders_and_files_belong_to_the_service_alone(vault: Vault, wrapped: bytes, tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        seal_parts(vault, wrapped, [SECRET])
    finally:
        os.umask(previous)
    root = tmp_path / "quarantine"
    for path in (root, *root.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


@pytest.mark.req("R-QUAR-06")
def test_dropping_one_file_leaves_its_neighbours_and_its_other_stage(vault: Vault, wrapped: bytes) -> None:
    for number in (1, 10):
        seal_parts(vault, wrapped, [b"one", b"two"], number=number)
    vault.seal(submission="s-1", number=1, part=0, data=b"new", wrapped_key=wrapped, stage=Stage.CLEANED)
    vault.drop("s-1", 1, Stage.RECEIVED)
    vault.drop("s-1", 1, Stage.RECEIVED)
    assert vault.open(submission="s-1", number=10, parts=[3, 3], wrapped_key=wrapped).read() == b"onetwo"
    cleaned = vault.open(submission="s-1", number=1, parts=[3], wrapped_key=wrapped, stage=Stage.CLEANED)
    assert cleaned.read() == b"new"
    with pytest.raises(QuarantineDamaged):
        vault.open(submission="s-1", number=1, parts=[3, 3], wrapped_key=wrapped).read()


@pytest.mark.req("R-QUAR-06")
def test_destroying_a_submission_leaves_nothing_of_it_and_may_be_repeated(
    vault: Vault, wrapped: bytes, tmp_path: Path
) -> None:
    seal_parts(vault, wrapped, [SECRET], submission="s-1")
    seal_parts(vault, wrapped, [SECRET], submission="s-2")
    vault.destroy("s-1")
    vault.destroy("s-1")
    assert vault.list_submissions() == ("s-2",)
    assert all("s-2" in path.parts for path in sealed_files(tmp_path))


@pytest.mark.req("R-QUAR-07")
@pytest.mark.parametrize("fault", [(os, "write"), (os, "fdatasync"), (os, "replace")])
def test_a_failing_disk_leaves_no_half_part_and_no_answer(
    vault: Vault, wrapped: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: tuple[object, str]
) -> None:
    seal_parts(vault, wrapped, [b"old"])

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(*fault, fail)
        with pytest.raises(OSError, match="No space"):
            vault.seal(submission="s-1", number=0, part=0, data=b"new", wrapped_key=wrapped)
    assert len(sealed_files(tmp_path)) == 1
    assert vault.open(submission="s-1", number=0, parts=[3], wrapped_key=wrapped).read() == b"old"


@pytest.mark.req("R-QUAR-07")
def test_each_part_is_synced_and_then_every_folder_above_it(
    vault: Vault, wrapped: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def watch(owner: object, name: str) -> None:
        original = getattr(owner, name)

        def wrapper(*given: object) -> object:
            seen.append(name)
            return original(*given)

        monkeypatch.setattr(owner, name, wrapper)

    for owner, name in ((os, "fdatasync"), (os, "replace"), (os, "fsync")):
        watch(owner, name)
    vault.seal(submission="s-1", number=0, part=0, data=b"x", wrapped_key=wrapped)
    assert seen == ["fdatasync", "replace", "fsync", "fsync", "fsync", "fsync"]


@pytest.mark.req("R-QUAR-07")
@pytest.mark.parametrize("begin_writing", [None, lambda *_: -1])
def test_a_part_is_synced_where_the_kernel_does_not_begin_with_it_early(
    vault: Vault, wrapped: bytes, monkeypatch: pytest.MonkeyPatch, begin_writing: Callable[..., int] | None
) -> None:
    monkeypatch.setattr(writing, "_begin_writing", begin_writing)
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    told = vault.seal(submission="s-1", number=0, part=0, data=b"kept", wrapped_key=wrapped)
    assert synced
    assert told.sha256 == sha256(b"kept").hexdigest()
    assert vault.open(submission="s-1", number=0, parts=[4], wrapped_key=wrapped).read() == b"kept"


@pytest.mark.req("R-QUAR-07")
def test_halves_left_by_a_killed_process_are_swept(vault: Vault, wrapped: bytes, tmp_path: Path) -> None:
    seal_parts(vault, wrapped, [SECRET])
    (good,) = sealed_files(tmp_path)
    half = good.with_name(f"{TEMPORARY_PREFIX}0123")
    half.write_bytes(b"half")
    assert vault.sweep_unfinished(older_than_seconds=3600) == 0
    assert vault.sweep_unfinished(older_than_seconds=0) == 1
    assert sealed_files(tmp_path) == [good]


@pytest.mark.req("R-QUAR-08")
def test_a_zip_is_read_through_the_seal_across_parts(vault: Vault, wrapped: bytes) -> None:
    packed = io.BytesIO()
    noise = os.urandom(50_000)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", noise)
        archive.writestr("b", SECRET)
    data = packed.getvalue()
    sizes = seal_parts(vault, wrapped, [data[i : i + 7001] for i in range(0, len(data), 7001)])
    with vault.open(submission="s-1", number=0, parts=sizes, wrapped_key=wrapped) as reader:
        archive = zipfile.ZipFile(reader)
        assert archive.read("a") == noise
        assert archive.read("b") == SECRET
        assert len(reader._opened) <= vault_module._PARTS_IN_MEMORY


@pytest.mark.req("R-QUAR-08")
def test_a_part_that_is_too_large_is_refused(vault: Vault, wrapped: bytes) -> None:
    data = bytes(PART_SIZE + 1)
    with pytest.raises(ValueError, match="larger than PART_SIZE"):
        vault.seal(submission="s-1", number=0, part=0, data=data, wrapped_key=wrapped)
