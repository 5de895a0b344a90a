"""Segmentations and their series are read by a child of their own, and what it says of them is not believed."""

from typing import Any

import numpy as np
import pytest

from config.demo.phantom import Lesion, Organ, make_seg, to_bytes
from imaging.fence import volumes
from imaging.fence.calls import drawing
from imaging.fence.framing import Garbled
from imaging.volumes import Cause, Segment, Volume, VolumeRefused
from imaging.volumes.reading import read_volume
from imaging.volumes.references import referenced_series
from imaging.volumes.segments import read_segments
from imaging.volumes.structures import read_structures
from tests.imaging.marked_scan import BASE, MARKER, base_volume
from tests.imaging.test_volumes_structures import make_rtstruct, square

FILES = [to_bytes(one) for one in BASE]
NOTHING = Lesion(label="gone", organ=Organ.LIVER, centre=(500.0, 0.0, 0.0), semi_axes=(3.0, 3.0, 3.0), hu=50)
TOLD: dict[str, Any] = {
    "kind": "int16",
    "shape": [2, 2, 2],
    "affine": np.eye(4).ravel().tolist(),
    "spacing": [1.0, 1.0, 1.0],
    "sop_instance_uids": ["1", "2"],
    "frame_numbers": [1, 1],
    "series_instance_uid": "1.2",
    "frame_of_reference_uid": "1.3",
    "modality": "CT",
}
ONE: dict[str, Any] = {"number": 1, "label": "one", "start": [0, 0, 0], "shape": [2, 2, 2]}


@pytest.mark.req("R-ARC-14")
@pytest.mark.parametrize("is_outlined", [False, True], ids=["SEG", "RTSTRUCT"])
def test_what_is_drawn_behind_the_fence_is_the_same_to_the_last_voxel(is_outlined: bool) -> None:  # noqa: FBT001  a parameter
    data = to_bytes(make_rtstruct([square(6.1)])) if is_outlined else to_bytes(make_seg(BASE, [MARKER, NOTHING]))
    volume, segments = volumes.draw(data, FILES, is_outlined=is_outlined)
    here = read_volume(FILES)
    for name in Volume.__slots__:
        behind, before = getattr(volume, name), getattr(here, name)
        assert np.array_equal(behind, before) if isinstance(before, np.ndarray) else behind == before, name
    assert (volume.array.dtype, volume.array.flags.writeable) == (here.array.dtype, False)
    read = tuple((read_structures if is_outlined else read_segments)(data, here))
    assert [(one.number, one.label) for one in segments] == [(one.number, one.label) for one in read]
    assert all(np.array_equal(one.mask, other.mask) for one, other in zip(segments, read, strict=True))
    drawer = drawing.queue[0].pid
    volumes.draw(data, FILES, is_outlined=is_outlined)
    assert drawing.queue[0].pid == drawer
    assert segments[0].mask.any()
    assert volumes.referenced_series(data) == referenced_series(data)


@pytest.mark.req("R-ARC-14")
def test_refusals_come_back_with_their_cause_and_sentence() -> None:
    seg = to_bytes(make_seg(BASE, [MARKER]))
    with pytest.raises(VolumeRefused, match="A gap of") as gap:
        volumes.draw(seg, FILES[:5] + FILES[7:], is_outlined=False)
    assert gap.value.cause is Cause.GAP
    with pytest.raises(VolumeRefused) as unreadable:
        volumes.draw(b"no image", FILES, is_outlined=False)
    assert unreadable.value.cause is Cause.UNREADABLE
    assert volumes.referenced_series(b"no image") == frozenset()


@pytest.mark.req("R-ARC-16")
def test_a_series_that_kills_the_child_twice_is_refused_in_words_and_the_next_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seg = to_bytes(make_seg(BASE, [MARKER]))
    monkeypatch.setattr(volumes, "_SECONDS", -1)
    with pytest.raises(VolumeRefused, match="within the limits"):
        volumes.draw(seg, FILES, is_outlined=False)
    assert volumes.referenced_series(seg) == frozenset()
    monkeypatch.undo()
    assert volumes.referenced_series(seg) == referenced_series(seg)
    assert drawing.qsize() == 1


@pytest.mark.req("R-ARC-15")
@pytest.mark.parametrize(
    "lie",
    [
        {"kind": "object"},
        {"shape": [2, 2, 3]},
        {"shape": [-2, -2, 2]},
        {"affine": [float("nan")] * 16},
        {"affine": [1.0]},
        {"spacing": [1.0, 0.0, 1.0]},
        {"sop_instance_uids": ["1"]},
        {"modality": 7},
    ],
    ids=str,
)
def test_a_volume_that_a_child_made_up_is_not_believed(lie: dict[str, Any]) -> None:
    volumes._volume(TOLD, b"\0" * 16)
    with pytest.raises((Garbled, KeyError)):
        volumes._volume(TOLD | lie, b"\0" * 16)


@pytest.mark.req("R-ARC-15")
@pytest.mark.parametrize("lie", [{"start": [1, 0, 0]}, {"start": [-1, 0, 0]}, {"shape": [2, 2]}, {"label": 1}], ids=str)
def test_a_mask_that_a_child_made_up_is_not_believed(lie: dict[str, Any]) -> None:
    volume = volumes._volume(TOLD, b"\0" * 16)
    (whole,) = volumes._segments([ONE], b"\xff", volume)
    assert whole.mask.all()
    for told, bits in ((ONE | lie, b"\xff"), (ONE, b"")):
        with pytest.raises((Garbled, KeyError)):
            tuple(volumes._segments([told], bits, volume))


@pytest.mark.req("R-VOL-04")
def test_masks_come_one_at_a_time_since_there_may_be_a_hundred() -> None:
    volume = base_volume()
    found = read_segments(to_bytes(make_seg(BASE, [MARKER, NOTHING])), volume)
    first: Segment = next(found)
    assert first.number == 1
    assert first.mask.any()
    assert not next(found).mask.any()
