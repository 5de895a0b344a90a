"""What is asked for, a window, and what comes, a picture: told without numpy, since the node holds none."""

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from imaging.frames.opening import FrameRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Centre and width in rescaled units (HU for CT), linear by PS3.3 C.11.2.1.2.1; width at least 1."""

    centre: float
    width: float

    def __post_init__(self) -> None:
        if not (isfinite(self.centre) and isfinite(self.width) and self.width >= 1):
            raise FrameRefused("A window needs a centre and a width of at least 1.")


class Preset(StrEnum):
    """Names of the usual CT windows; `auto` spreads the 1st to 99.5th percentile of the frame."""

    AUTO = "auto"
    SOFT_TISSUE = "soft-tissue"
    LUNG = "lung"
    BONE = "bone"
    BRAIN = "brain"
    LIVER = "liver"
    MEDIASTINUM = "mediastinum"


PRESETS = {
    Preset.SOFT_TISSUE: Window(centre=40, width=400),
    Preset.LUNG: Window(centre=-600, width=1500),
    Preset.BONE: Window(centre=400, width=1800),
    Preset.BRAIN: Window(centre=40, width=80),
    Preset.LIVER: Window(centre=60, width=160),
    Preset.MEDIASTINUM: Window(centre=50, width=350),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedFrame:
    """A PNG of one frame at its own matrix; `pixel_spacing` (row, column) in mm, None if not stated."""

    png: bytes
    rows: int
    columns: int
    frames: int
    pixel_spacing: tuple[float, float] | None
