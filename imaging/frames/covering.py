"""Boxes over a picture, as they will be blanked: shown only, the object itself stays as it is."""

import io
from collections.abc import Iterable

from PIL import Image, ImageDraw


def cover(png: bytes, boxes: Iterable[tuple[int, int, int, int]]) -> bytes:
    """Return the PNG with black boxes (left, top, right, bottom; the last two outside)."""
    with Image.open(io.BytesIO(png)) as picture:
        covered = picture.convert("RGB")
    pen = ImageDraw.Draw(covered)
    for left, top, right, bottom in boxes:
        pen.rectangle((left, top, right - 1, bottom - 1), fill="black")
    file = io.BytesIO()
    covered.save(file, format="PNG", compress_level=1)
    return file.getvalue()
