"""The locked settings of a radiomics extraction; their digest is stored beside every value."""

import hashlib
import json
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from endpoints.measure.errors import RadiomicsError

MAX_BINS = 1024


class Family(StrEnum):
    """Feature families by their IBSI names (IBSI reference manual, chapter 3)."""

    MORPHOLOGY = "morphology"
    STATISTICS = "statistics"
    HISTOGRAM = "intensity-histogram"
    GLCM = "glcm"
    GLRLM = "glrlm"
    GLSZM = "glszm"
    NGTDM = "ngtdm"
    NGLDM = "ngldm"


class Aggregation(StrEnum):
    """How texture matrices of directions and slices are joined, by the ending of the IBSI tag."""

    VOLUME_AVERAGED = "3D_avg"
    VOLUME_MERGED = "3D_comb"
    SLICES_AVERAGED = "2_5D_avg"
    SLICES_MERGED = "2_5D_comb"

    @property
    def is_planar(self) -> bool:
        """Whether neighbours are sought in the axial slice only."""
        return self in {Aggregation.SLICES_AVERAGED, Aggregation.SLICES_MERGED}

    @property
    def is_merged(self) -> bool:
        """Whether the matrices of all directions are added before a value is computed."""
        return self in {Aggregation.VOLUME_MERGED, Aggregation.SLICES_MERGED}

    @property
    def without_directions(self) -> str:
        """Return the ending of the tags of matrices that know no direction (size zones and the like)."""
        return "2_5D" if self.is_planar else "3D"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What decides a radiomics value besides image and mask: `bin_width` with `bin_anchor`, or `bin_count`.

    `bin_anchor` is the lower edge of the first bin, in image units: IBSI's fixed bin size counts from the
    lower re-segmentation bound, so bins mean the same in every lesion. `range_low` and `range_high`
    re-segment the intensities (both ends belong to the range); morphology keeps the whole mask.
    Raises RadiomicsError for settings that contradict each other.
    """

    families: tuple[Family, ...] = tuple(Family)
    aggregation: Aggregation = Aggregation.VOLUME_AVERAGED
    bin_width: Decimal | None = None
    bin_anchor: Decimal | None = None
    bin_count: int | None = None
    range_low: Decimal | None = None
    range_high: Decimal | None = None
    distance: int = 1
    dependence_alpha: int = 0

    def __post_init__(self) -> None:
        if (self.bin_width is None) == (self.bin_count is None):
            raise RadiomicsError("Radiomics needs either a bin width or a number of bins, not both.")
        if (self.bin_width is None) != (self.bin_anchor is None):
            raise RadiomicsError("A fixed bin width needs the lower edge of the first bin, and only then.")
        is_wide = self.bin_width is None or self.bin_width > 0
        if not is_wide or (self.bin_count is not None and not 1 <= self.bin_count <= MAX_BINS):
            raise RadiomicsError(f"Bins are wider than zero and number from 1 to {MAX_BINS}.")
        if self.distance < 1 or self.dependence_alpha < 0 or not self.families:
            raise RadiomicsError("The distance is at least 1 voxel, alpha at least 0, and a family is named.")

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the settings as canonical JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Return canonical JSON, sorted and without trailing zeros: equal settings give equal text."""
        facts = asdict(self) | {"families": sorted(set(self.families))}
        return json.dumps(facts, sort_keys=True, separators=(",", ":"), default=_write)

    def to_pyradiomics(self) -> dict[str, Any]:
        """Return pyradiomics' own settings; it gets bin indices, so its bins are one wide."""
        return {
            "binWidth": 1,
            "label": 1,
            "distances": [self.distance],
            "symmetricalGLCM": True,
            "weightingNorm": "no_weighting" if self.aggregation.is_merged else None,
            "force2D": self.aggregation.is_planar,
            "force2Ddimension": 0,
            "gldm_a": self.dependence_alpha,
            "voxelArrayShift": 0,
            "additionalInfo": False,
        }


def _write(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    raise TypeError
