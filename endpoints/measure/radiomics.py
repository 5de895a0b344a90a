"""Radiomics of one lesion under locked settings, by IBSI tag, with what is needed to repeat it."""

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from endpoints.measure.discretisation import discretise, resegment
from endpoints.measure.errors import RadiomicsError
from endpoints.measure.features import SAME_VALUE, TAGS
from endpoints.measure.geometry import Grid, Mask, find_box
from endpoints.measure.settings import Aggregation, Family, Settings
from endpoints.measure.shapes import measure_shape
from endpoints.measure.textures import compute

PACKAGES = ("SimpleITK", "numpy", "pyradiomics", "scikit-image", "scipy")
PROCEDURE = "radiomics/1.0"
_DIRECTIONAL = frozenset({Family.GLCM, Family.GLRLM})
_PLAIN = frozenset({Family.STATISTICS, Family.HISTOGRAM})
_NORMAL_KURTOSIS = 3  # pyradiomics adds it; IBSI's kurtosis is in excess of the normal distribution's


@dataclass(frozen=True, slots=True, kw_only=True)
class RadiomicsResult:
    """Values by IBSI tag, the aggregation in its ending; digests of settings and of the cropped input."""

    values: Mapping[str, float]
    settings_digest: str
    input_sha256: str
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lesion:
    image: npt.NDArray[Any]
    mask: Mask
    grid: Grid


def extract(image: npt.NDArray[Any], mask: Mask, grid: Grid, settings: Settings) -> RadiomicsResult:
    """Extract the families of `settings` from an image and a boolean mask of one shape (slice, row, column).

    Image and mask are cropped to the lesion first: no feature looks beyond it. Raises MeasureError for an
    empty mask and RadiomicsError for anything that would leave fewer values than asked for.
    """
    lesion = _crop(image, mask, grid)
    families = frozenset(settings.families)
    values = dict(measure_shape(lesion.mask, lesion.grid)) if Family.MORPHOLOGY in families else {}
    values |= _measure_intensities(lesion, settings, families - {Family.MORPHOLOGY})
    return RadiomicsResult(
        values=MappingProxyType(values),
        settings_digest=settings.digest,
        input_sha256=_hash(lesion),
        versions=MappingProxyType(
            {"procedure": PROCEDURE} | {name: importlib.metadata.version(name) for name in PACKAGES}
        ),
    )


def _crop(image: npt.NDArray[Any], mask: Mask, grid: Grid) -> _Lesion:
    if image.shape != mask.shape:
        raise RadiomicsError("Image and segmentation differ in size, so no feature can be computed.")
    box = find_box(mask)
    part = image[box].astype(np.float64)
    if not np.isfinite(part[mask[box]]).all():
        raise RadiomicsError("The lesion holds voxels without a number, so no feature can be computed.")
    first = (box[0].start, box[1].start, box[2].start)
    return _Lesion(image=part, mask=np.ascontiguousarray(mask[box]), grid=grid.shift(first))


def _measure_intensities(lesion: _Lesion, settings: Settings, families: frozenset[Family]) -> dict[str, float]:
    """Return statistics from the intensities, every other family from the grey levels."""
    if not families:
        return {}
    kept = resegment(lesion.image, lesion.mask, settings)
    images = {Family.STATISTICS: lesion.grid.to_image(lesion.image)}
    if families - {Family.STATISTICS}:
        levels = np.zeros(lesion.image.shape, dtype=np.int32)
        levels[kept] = discretise(lesion.image[kept], settings)
        images |= dict.fromkeys(families - {Family.STATISTICS}, lesion.grid.to_image(levels))
    marks = lesion.grid.to_image(kept.astype(np.uint8))
    values: dict[str, float] = {}
    for family in sorted(families):
        found = compute(family, image=images[family], mask=marks, tags=TAGS[family], settings=settings.to_pyradiomics())
        values |= _finish(family, found, settings.aggregation)
    return values


def _finish(family: Family, found: Mapping[str, float], aggregation: Aggregation) -> dict[str, float]:
    """Put pyradiomics' numbers under the names and definitions of IBSI."""
    values = dict(found)
    if family is Family.STATISTICS:
        values["stat_kurt"] -= _NORMAL_KURTOSIS
    if family is Family.GLCM:
        values |= {tag: found[same] for tag, same in SAME_VALUE.items()}
    if family in _PLAIN:
        return values
    ending = aggregation.value if family in _DIRECTIONAL else aggregation.without_directions
    return {f"{tag}_{ending}": value for tag, value in values.items()}


def _hash(lesion: _Lesion) -> str:
    """Hash what decides the values: the cropped intensities and mask, their shape and their grid."""
    grid = lesion.grid
    facts = [
        lesion.image.shape,
        grid.spacing_mm,
        grid.origin_mm,
        grid.slice_axis,
        grid.row_axis,
        grid.column_axis,
    ]
    digest = hashlib.sha256(json.dumps(facts).encode())
    digest.update(lesion.image.astype("<f8").tobytes())
    digest.update(np.packbits(lesion.mask).tobytes())
    return digest.hexdigest()
