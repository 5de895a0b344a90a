"""A stored object as WADO-RS gives it: decoded, as metadata, frame by frame, or one bulky value.

What reads objects here runs inside the fence (`imaging.fence.copies`): a clean object may hold hostile pixels.
"""

import io
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image
from pydicom import DataElement, Dataset, dcmwrite
from pydicom.encaps import get_frame
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from imaging.dicomweb.decoding import decode, octets
from imaging.dicomweb.media import EXPLICIT, MOST_DECODED
from imaging.frames import FrameRefused, Window, read_image
from imaging.frames.opening import UNREADABLE, claimed_bytes, count_frames, read_object

_PIXELS = ("7FE00010", "7FE00008", "7FE00009")
_BULKY = frozenset({"OB", "OW", "OF", "OD", "OL", "OV", "UN"})
# Shorter values stand in the metadata (PS3.18 annex F.2.6 leaves it to the server).
_SHORT = 1024
_INLINE = 1 << 62
_BITS_IN_BYTE = 8


def metadata(data: bytes, *, address: str) -> dict[str, Any]:
    """Return the data set as DICOM JSON; bulky values are links below `address`. Raises FrameRefused."""
    dataset = read_object(data)
    try:
        dataset.remove_private_tags()
        return {f"{element.tag:08X}": _told(element, address) for element in dataset}
    except UNREADABLE:
        raise FrameRefused("The header of this image could not be read.") from None


def _told(element: DataElement, address: str) -> dict[str, Any]:
    tag = f"{element.tag:08X}"
    if tag in _PIXELS or (element.VR in _BULKY and len(element.value or b"") > _SHORT):
        return {"vr": str(element.VR), "BulkDataURI": f"{address}/bulkdata/{tag}"}
    told: dict[str, Any] = element.to_json_dict(None, _INLINE)
    return told


def decoded(data: bytes, *, syntax: str = EXPLICIT) -> bytes:
    """Return the object in an uncompressed little endian syntax. Raises FrameRefused where it cannot be decoded."""
    dataset = read_object(data)
    is_packed = dataset.file_meta.TransferSyntaxUID.is_encapsulated
    if is_packed:
        dataset = read_image(data)
        _refuse_huge(dataset, share=1)
    try:
        if is_packed:
            decode(dataset)
        dataset.file_meta.TransferSyntaxUID = UID(syntax)
        buffer = io.BytesIO()
        dcmwrite(buffer, dataset)
    except UNREADABLE:
        raise FrameRefused("The pixels of this image could not be decoded.") from None
    return buffer.getvalue()


def marked(data: bytes, mark: str) -> bytes:
    """Return the object with a mark on its subject behind what stands in Patient Comments (0010,4000).

    Everything else stays, pixels and syntax too. Raises FrameRefused.
    """
    dataset = read_object(data)
    try:
        dataset.PatientComments = "; ".join(filter(None, (dataset.get("PatientComments"), mark)))
        buffer = io.BytesIO()
        dcmwrite(buffer, dataset)
    except UNREADABLE:
        raise FrameRefused("The header of this image could not be read.") from None
    return buffer.getvalue()


def frames(data: bytes, numbers: Sequence[int], *, is_stored: bool) -> Iterator[bytes | memoryview]:
    """Yield frames by number (from 1): as they are stored, or decoded to little endian. Raises FrameRefused."""
    dataset = read_image(data)
    total = count_frames(dataset)
    if any(not 1 <= number <= total for number in numbers):
        raise FrameRefused(f"There is no such frame in this image; it has {total}.")
    if not is_stored:
        _refuse_huge(dataset, share=len(numbers) / total)
    try:
        for number in numbers:
            yield _frame(dataset, number - 1, is_stored=is_stored)
    except UNREADABLE:
        raise FrameRefused("The pixels of this image could not be decoded.") from None


def _frame(dataset: Dataset, index: int, *, is_stored: bool) -> bytes | memoryview:
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        if is_stored:
            return get_frame(dataset.PixelData, index, number_of_frames=count_frames(dataset))
        return octets(pixel_array(dataset, index=index))
    bits = int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("SamplesPerPixel") or 1) * dataset.BitsAllocated
    if bits % _BITS_IN_BYTE:
        raise FrameRefused("The frames of this image do not begin at whole bytes; take the object whole.")
    size = bits // _BITS_IN_BYTE
    keyword = next(name for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if name in dataset)
    return bytes(dataset[keyword].value[index * size : (index + 1) * size])


def _refuse_huge(dataset: Dataset, *, share: float) -> None:
    if (claimed_bytes(dataset) or 0) * share > MOST_DECODED:
        raise FrameRefused("This is more than can be decoded for one answer; ask for less, or for it as it is stored.")


def bulk(data: bytes, tag: str) -> bytes | None:
    """Return one bulky value of the data set; None where there is none. Raises FrameRefused."""
    dataset = read_object(data)
    try:
        element = dataset.get(int(tag, 16))
    except UNREADABLE:
        raise FrameRefused("This value could not be read.") from None
    if element is None or element.VR not in _BULKY or not isinstance(element.value, bytes):
        return None
    return element.value


def picture(png: bytes, *, kind: str) -> bytes:
    """Return a rendered frame as PNG or JPEG."""
    if kind == "image/png":
        return png
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).save(buffer, format="JPEG", quality=92)
    return buffer.getvalue()


def read_window(text: str) -> Window | None:
    """Read centre,width[,function] (PS3.18 8.3.5.1.4). Raises FrameRefused for anything but the linear function."""
    if not text:
        return None
    centre, _, rest = text.partition(",")
    width, _, function = rest.partition(",")
    if function.strip().lower() not in {"", "linear"}:
        raise FrameRefused("Only the linear window is offered here.")
    try:
        return Window(centre=float(centre), width=float(width))
    except ValueError:
        raise FrameRefused("A window is asked for as centre,width,linear.") from None
