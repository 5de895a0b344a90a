"""From bytes or from a file, alone or in a series: the same object comes out, byte by byte."""

from pathlib import Path

import pytest
from pydicom.data import get_testdata_files

import deid
from deid.elements import Span
from deid.writer import write_file
from tests.deid import builders, planting

BUNDLED = sorted(Path(path) for path in map(str, get_testdata_files()) if Path(path).is_file())
POLICY = deid.Policy(options=deid.DEFAULT_OPTIONS | {deid.Option.CLEAN_DESCRIPTORS, deid.Option.RETAIN_SAFE_PRIVATE})


def _answer(engine: deid.Engine, path: Path, target: Path) -> bytes | str:
    try:
        with path.open("rb", buffering=0) as original, target.open("wb", buffering=0) as result:
            write_file(engine.clean_file(original.fileno()).parts, target=result.fileno())
    except deid.Rejected as refused:
        return refused.code
    return target.read_bytes()


def _alone(data: bytes, key: bytes, trial: deid.ClinicalTrial) -> bytes | str:
    try:
        return deid.Engine(key=key, trial=trial, policy=POLICY).clean(data).data
    except deid.Rejected as refused:
        return refused.code


@pytest.mark.req("R-ENG-06")
def test_one_engine_gives_each_file_what_an_engine_of_its_own_gives(
    key: bytes, trial: deid.ClinicalTrial, tmp_path: Path
) -> None:
    engine = deid.Engine(key=key, trial=trial, policy=POLICY)
    for path in BUNDLED + BUNDLED[::-1]:
        assert _answer(engine, path, tmp_path / "out.dcm") == _alone(path.read_bytes(), key, trial), path.name


@pytest.mark.req("R-ENG-06")
def test_pixels_nobody_looks_at_stay_in_the_file_they_came_from_until_they_are_written(
    key: bytes, trial: deid.ClinicalTrial, tmp_path: Path
) -> None:
    dataset = builders.ct()
    del dataset[0xFFFCFFFC]  # padding behind the pixels makes the file one that is read as a whole
    dataset.Rows, dataset.Columns, dataset.PixelData = 256, 256, bytes(range(8)) * (256 * 256 // 4)
    path = tmp_path / "in.dcm"
    path.write_bytes(planting.encode(dataset))
    with path.open("rb") as original:
        engine = deid.Engine(key=key, trial=trial, policy=POLICY, looks_twice=False)
        cleaned = engine.clean_file(original.fileno())
        assert any(isinstance(part, Span) for part in cleaned.parts)
        with pytest.raises(ValueError, match="still in the file"):
            _ = cleaned.data
        (tmp_path / "out.dcm").touch()
        with (tmp_path / "out.dcm").open("wb", buffering=0) as target:
            write_file(cleaned.parts, target=target.fileno())
        digest = cleaned.sha256
    whole = deid.clean(path.read_bytes(), key=key, trial=trial, policy=POLICY)
    assert (tmp_path / "out.dcm").read_bytes() == whole.data
    assert digest == whole.sha256


@pytest.mark.req("R-ENG-06")
def test_what_is_known_of_one_person_decides_nothing_for_another(key: bytes, trial: deid.ClinicalTrial) -> None:
    engine = deid.Engine(key=key, trial=trial, policy=POLICY)
    first, second = builders.ct(), builders.ct()
    first.PatientName, second.PatientName = "Green^Liver", "Nobody^Else"
    first.SeriesDescription = second.SeriesDescription = "LIVER"
    kept = [builders.read(engine.clean(planting.encode(each)).data) for each in (first, second)]
    assert "SeriesDescription" not in kept[0]
    assert kept[1].SeriesDescription == "LIVER"


@pytest.mark.req("R-ENG-05")
def test_pixels_too_long_to_read_at_once_are_searched_piece_by_piece(
    key: bytes, trial: deid.ClinicalTrial, tmp_path: Path
) -> None:
    dataset = builders.ct()
    del dataset[0xFFFCFFFC]
    dataset.PatientName = "Zuccarello^Quentin"
    dataset.Rows, dataset.Columns = 4096, 2560
    empty = bytes(4096 * 2560 * 2)
    edge = 4 << 20
    path = tmp_path / "in.dcm"
    engine = deid.Engine(key=key, trial=trial, policy=POLICY)
    for text, is_refused in ((b"ZUCCARELLO", True), (bytes(10), False)):
        dataset.PixelData = empty[: edge - 5] + text + empty[edge + 5 :]
        path.write_bytes(planting.encode(dataset))
        answer = _answer(engine, path, tmp_path / "out.dcm")
        assert (answer == deid.Rejection.RESIDUE) == is_refused
