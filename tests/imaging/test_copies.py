"""What goes out of the archive is made behind the fence: the same bytes, and no decoder in the server's own process."""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import ImplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from deid import map_uid
from imaging.dicomweb import blinding, documents
from imaging.dicomweb.blinding import Guise
from imaging.fence import calls, copies
from imaging.fence.child import MEGABYTE, Limits
from imaging.frames import FrameRefused
from imaging.models import Instance, Submission
from tests.cast import Cast
from tests.imaging.scans import ct_slice, to_bytes

_SIZE = slice(8, 16)
_DECODERS = ("decoded", "frames", "metadata", "bulk", "picture")


def bundled(name: str) -> bytes:
    return Path(str(get_testdata_file(name, download=False))).read_bytes()


def huge() -> bytes:
    """A few bytes of JPEG 2000 that, as the header does, claim half a gibibyte of pixels."""
    dataset = dcmread(io.BytesIO(bundled("MR_small_jp2klossless.dcm")))
    stream = bytearray(dataset.PixelData[16:])
    at = stream.index(b"\xff\x4f\xff\x51") + _SIZE.start
    stream[at : at + 8] = (16_384).to_bytes(4, "big") * 2
    dataset.Rows = dataset.Columns = 16_384
    dataset.PixelData = encapsulate([bytes(stream)])
    assert dataset.file_meta.TransferSyntaxUID == JPEG2000Lossless
    return to_bytes(dataset)


def loop(*, side: int, count: int) -> bytes:
    """The same noise above much black, again and again, RLE: small as a file, and quickly made."""
    dataset = ct_slice(1)
    dataset.Rows = dataset.Columns = side
    noise = np.random.default_rng(1).integers(0, 16, (side, side), dtype=np.uint16)
    noise[side // 8 :] = 0
    dataset.PixelData, dataset.PixelRepresentation = noise.tobytes(), 0
    dataset.compress(RLELossless, generate_instance_uid=False)
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    dataset.PixelData, dataset.NumberOfFrames = encapsulate([frame] * count), count
    return to_bytes(dataset)


def guise() -> Guise:
    return Guise(
        code="R-1", study_uid="1.2", series_uid="1.3", series_number=1, instance_uid="1.4", instance_number=1,
        map_uid=partial(map_uid, b"k" * 32),
    )  # fmt: skip


@pytest.fixture
def undecoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program that serves; whatever it decoded itself would break."""

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("decoded outside the fence")

    for name in _DECODERS:
        monkeypatch.setattr(documents, name, never)
    monkeypatch.setattr(blinding, "blind", never)


@pytest.mark.req("R-ARC-20")
@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "JPEG2000.dcm", "SC_rgb_rle_2frame.dcm", "CT_small.dcm"])
def test_a_copy_made_behind_the_fence_is_the_same_to_the_last_bit(name: str) -> None:
    data = bundled(name)
    assert copies.metadata(data, address="a") == documents.metadata(data, address="a")
    assert copies.blind(data, guise()) == blinding.blind(data, guise())
    for is_stored in (True, False):
        assert copies.frames(data, [1], is_stored=is_stored) == list(documents.frames(data, [1], is_stored=is_stored))
    if dcmread(io.BytesIO(data)).file_meta.TransferSyntaxUID.is_encapsulated:
        assert copies.decoded(data) == documents.decoded(data)
    assert copies.bulk(data, "7FE00010") == documents.bulk(data, "7FE00010")
    assert copies.bulk(data, "00100010") is None


@pytest.mark.req("R-ARC-20")
@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "CT_small.dcm", "test-SR.dcm"])
def test_an_object_is_given_in_the_uncompressed_form_that_a_peer_takes(name: str) -> None:
    plain = dcmread(io.BytesIO(copies.decoded(bundled(name), syntax=ImplicitVRLittleEndian)))
    explicit = dcmread(io.BytesIO(copies.decoded(bundled(name))))
    assert plain.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert {one.tag for one in plain} == {one.tag for one in explicit}
    assert plain.get("PixelData") == explicit.get("PixelData")
    assert plain.PatientName == explicit.PatientName


@pytest.mark.req("R-ARC-20")
@pytest.mark.parametrize(
    "take",
    [
        copies.decoded,
        lambda data: copies.frames(data, [1], is_stored=False),
        lambda data: copies.picture(data, frame=1, window=None, kind="image/png"),
    ],
)
def test_pixels_that_unpack_to_far_more_than_their_bytes_are_refused_before_memory_is_taken(
    take: Callable[[bytes], Any],
) -> None:
    with pytest.raises(FrameRefused, match="far more than an image needs"):
        take(huge())


@pytest.mark.req("R-ARC-20")
@pytest.mark.django_db
def test_the_server_decodes_and_reads_no_object_itself(cast: Cast, filed: Submission, undecoding: None) -> None:
    viewer, one = Client(), Instance.objects.select_related("series__study").earliest("pk")
    viewer.force_login(cast.analyst)
    place = f"/trials/{cast.trial.code}/dicomweb/studies/{one.series.study.uid}/series/{one.series.uid}"
    place += f"/instances/{one.uid}"
    for path in ("", "/metadata", "/frames/1", "/rendered", "/bulkdata/7FE00010"):
        assert viewer.get(place + path, headers={"accept": "*/*"}).status_code == 200, path


@pytest.mark.req("R-ARC-20")
@pytest.mark.django_db
def test_an_image_that_breaks_what_decodes_it_is_told_in_words_and_the_next_is_served(
    cast: Cast, filed: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, one = Client(), Instance.objects.select_related("series__study").earliest("pk")
    viewer.force_login(cast.analyst)
    place = f"/trials/{cast.trial.code}/dicomweb/studies/{one.series.study.uid}/series/{one.series.uid}"
    place += f"/instances/{one.uid}/frames/1"
    # A lack of memory the decoder tells itself; a lack of time it cannot.
    tight = Limits(memory=MEGABYTE, cpu_seconds=1, seconds=0.0, answer=MEGABYTE)
    with monkeypatch.context() as patch:
        patch.setattr(copies, "ask", lambda operation, told, given, _limits: calls.ask(operation, told, given, tight))
        answer = viewer.get(place)
        assert (answer.status_code, answer.json()["detail"]) == (422, calls._FRAME_SENTENCE)
    assert viewer.get(place).status_code == 200


@pytest.mark.req("R-ARC-20")
def test_frames_that_do_not_add_up_and_headers_that_are_none_are_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    data = to_bytes(ct_slice(1))
    for lengths in ([1], [2, 2], [-1, 4], ["3"], None):
        monkeypatch.setattr(copies, "ask", lambda *_: ({"lengths": lengths}, [b"abc"]))  # noqa: B023  asked at once
        with pytest.raises(FrameRefused):
            copies.frames(data, [1, 2] if lengths and len(lengths) == 2 else [1], is_stored=True)
    monkeypatch.setattr(copies, "ask", lambda *_: ({}, [b"[1]"]))
    with pytest.raises(FrameRefused):
        copies.metadata(data, address="a")


@pytest.mark.req("R-ARC-14")
def test_what_goes_out_has_no_more_memory_than_a_file_that_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    data, given = to_bytes(ct_slice(1)), []

    def ask(operation: str, told: dict[str, Any], blobs: list[bytes], limits: Limits, **more: Any) -> Any:
        given.append(limits.memory)
        return calls.ask(operation, told, blobs, limits, **more)

    monkeypatch.setattr(copies, "ask", ask)
    copies.metadata(data, address="https://corelab.example")
    copies.frames(data, [1], is_stored=True)
    copies.bulk(data, "7FE00010")
    copies.marked(data, "withdrawn")
    copies.blind(data, guise())
    copies.decoded(data)
    copies.frames(data, [1], is_stored=False)
    assert set(given) == {Limits.of(len(data)).memory}


@pytest.mark.req("R-ARC-14")
def test_a_long_compressed_loop_is_decoded_in_the_memory_of_any_file() -> None:
    data, count = loop(side=1024, count=128), 128
    plain = dcmread(io.BytesIO(copies.decoded(data)))
    stored = dcmread(io.BytesIO(data))
    assert (plain.NumberOfFrames, len(plain.PixelData)) == (count, count * 1024 * 1024 * 2)
    first = stored.pixel_array[0].astype("<u2").tobytes()
    assert copies.frames(data, [1, count], is_stored=False) == [first, first] == [plain.PixelData[: len(first)]] * 2


@pytest.mark.req("R-ARC-20")
def test_a_loop_that_lacks_a_frame_of_those_its_header_names_is_refused_in_words() -> None:
    short = dcmread(io.BytesIO(loop(side=16, count=3)))
    short.NumberOfFrames = 4
    with pytest.raises(FrameRefused, match="could not be decoded"):
        copies.decoded(to_bytes(short))


@pytest.mark.req("R-ARC-20")
def test_what_has_no_compressed_pixels_under_a_compressed_syntax_is_refused_in_words() -> None:
    floats = dcmread(io.BytesIO(bundled("rtdose_rle_1frame.dcm")))
    floats.add_new("FloatPixelData", "OF", floats.PixelData)
    del floats.PixelData
    with pytest.raises(FrameRefused):
        copies.decoded(to_bytes(floats))


@pytest.mark.req("R-ARC-20")
def test_an_object_that_counts_no_frames_says_once_decoded_that_it_has_one() -> None:
    uncounted = dcmread(io.BytesIO(loop(side=16, count=1)))
    uncounted.NumberOfFrames = 0
    assert dcmread(io.BytesIO(copies.decoded(to_bytes(uncounted)))).NumberOfFrames == 1


@pytest.mark.req("R-ARC-20")
def test_decoded_frames_of_an_odd_size_make_a_value_of_an_even_one() -> None:
    data = bundled("SC_rgb_small_odd_jpeg.dcm")
    plain, stored = dcmread(io.BytesIO(copies.decoded(data))), dcmread(io.BytesIO(data))
    assert plain.pixel_array.tolist() == stored.pixel_array.tolist()
    assert len(plain.PixelData) % 2 == 0
    assert plain.PhotometricInterpretation == "RGB"
