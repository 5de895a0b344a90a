"""What was done to the pixels of one object: small, safe to store, and all that a certificate may claim of them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deid.burned.boxes import Box, Ground
from deid.defacing.record import CODE as FACES_CODE
from deid.defacing.record import FaceRecord

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
    # Whether text was looked for: a record of faces alone says nothing about text.
    is_read: bool = True
    faces: FaceRecord | None = None

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
        return (*((CODE,) if self.is_cleaned else ()), *((FACES_CODE,) if self.faces else ()))

    @property
    def told(self) -> dict[str, Any]:
        """What a certificate quotes, ready for JSON."""
        of_faces = {"faces": self.faces.told} if self.faces else {}
        return (self._told_of_text if self.is_read else {}) | of_faces | {"codes": list(self.codes)}

    @property
    def _told_of_text(self) -> dict[str, Any]:
        return {
            "boxes": [[box.left, box.top, box.right, box.bottom, str(box.ground)] for box in self.boxes],
            "frames": self.frames,
            "method": str(self.method),
            "was_lossy": self.was_lossy,
            "is_confirmed": self.is_confirmed,
        }

    @property
    def derivation(self) -> str:
        """What Derivation Description (0008,2111) says; "" where no pixel changed."""
        told = [self.faces.derivation] if self.faces else []
        if self.boxes:
            told.append(
                f"Burned-in text blanked: {len(self.boxes)} rectangles on {self.frames} frames; written {self.method}"
            )
        return ". ".join(told)
