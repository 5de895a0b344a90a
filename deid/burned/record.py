"""What was done to the pixels of one object: small, safe to store, and all that a certificate may claim of them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deid.burned.boxes import Box, Ground

CODE = "113101"


class Method(StrEnum):
    """How the pixels were written after blanking."""

    UNTOUCHED = "untouched"
    AS_STORED = "as stored"
    RLE = "RLE, lossless"
    JPEG_LS = "JPEG-LS, lossless"


@dataclass(frozen=True, slots=True)
class PixelRecord:
    """Rectangles blanked on every frame and why, how the frames were written, and whether a person vouches for them.

    `was_lossy` says that the frames came with lossy compression, which stays told in (0028,2110).
    """

    boxes: tuple[Box, ...] = ()
    frames: int = 1
    method: Method = Method.UNTOUCHED
    was_lossy: bool = False
    is_confirmed: bool = False

    @property
    def is_cleaned(self) -> bool:
        """Whether Burned In Annotation NO may be claimed: something was blanked, or a person confirmed."""
        return bool(self.boxes) or self.is_confirmed

    @property
    def grounds(self) -> tuple[Ground, ...]:
        return tuple(sorted({box.ground for box in self.boxes}))

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes of CID 7050 that this record stands for."""
        return (CODE,) if self.is_cleaned else ()

    @property
    def told(self) -> dict[str, Any]:
        """What a certificate quotes, ready for JSON."""
        return {
            "boxes": [[box.left, box.top, box.right, box.bottom, str(box.ground)] for box in self.boxes],
            "frames": self.frames,
            "method": str(self.method),
            "was_lossy": self.was_lossy,
            "is_confirmed": self.is_confirmed,
            "codes": list(self.codes),
        }

    @property
    def derivation(self) -> str:
        """What Derivation Description (0008,2111) says; "" where no pixel changed."""
        if not self.boxes:
            return ""
        return f"Burned-in text blanked: {len(self.boxes)} rectangles on {self.frames} frames; written {self.method}"
