"""Drives pyradiomics' feature classes on bin indices, and takes nothing less than every feature asked for."""

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from radiomics import firstorder, glcm, gldm, glrlm, glszm, ngtdm

from endpoints.measure.errors import RadiomicsError
from endpoints.measure.settings import Family

# pyradiomics logs tracebacks and advice; a feature that fails is told by RadiomicsError instead.
logging.getLogger("radiomics").setLevel(logging.CRITICAL + 1)


class _Indexed:
    """Takes the image as grey levels: pyradiomics would count its bins from the lesion's own minimum."""

    coefficients: dict[str, Any]
    maskArray: npt.NDArray[np.bool_]  # noqa: N815  pyradiomics' name

    def _applyBinning(self, matrix: npt.NDArray[Any]) -> npt.NDArray[np.int64]:  # noqa: N802  pyradiomics' hook
        levels = np.where(self.maskArray, matrix, 0).astype(np.int64)
        present = np.flatnonzero(np.bincount(levels[self.maskArray]))
        self.coefficients["grayLevels"] = present
        self.coefficients["Ng"] = int(present.max())
        return levels


class _Unbinned(_Indexed):
    """Keeps the intensities for statistics, which have no bins: every voxel gets level 1."""

    def _applyBinning(self, matrix: npt.NDArray[Any]) -> npt.NDArray[np.int64]:  # noqa: N802  pyradiomics' hook
        return super()._applyBinning(np.ones_like(matrix))


def _adapt(base: Any, binning: type[_Indexed] = _Indexed) -> Callable[..., Any]:
    """Return the feature class with other binning, under its own module name so that it logs like it."""
    return type(base.__name__, (binning, base), {"__module__": base.__module__})


CLASSES: Mapping[Family, Callable[..., Any]] = MappingProxyType(
    {
        Family.STATISTICS: _adapt(firstorder.RadiomicsFirstOrder, _Unbinned),
        Family.HISTOGRAM: _adapt(firstorder.RadiomicsFirstOrder),
        Family.GLCM: _adapt(glcm.RadiomicsGLCM),
        Family.GLRLM: _adapt(glrlm.RadiomicsGLRLM),
        Family.GLSZM: _adapt(glszm.RadiomicsGLSZM),
        Family.NGTDM: _adapt(ngtdm.RadiomicsNGTDM),
        Family.NGLDM: _adapt(gldm.RadiomicsGLDM),
    }
)


def compute(
    family: Family, *, image: Any, mask: Any, tags: Mapping[str, str], settings: Mapping[str, Any]
) -> dict[str, float]:
    """Return the features named in `tags` by IBSI tag, from two SimpleITK images of one grid.

    Raises RadiomicsError when pyradiomics gives fewer values than asked for, or one that is no number.
    """
    found = _execute(CLASSES[family](image, mask, **settings), tags)
    failed = sorted(tags[name] for name in tags if not math.isfinite(found.get(name, math.nan)))
    if failed:
        names = ", ".join(failed)
        raise RadiomicsError(
            f"The lesion gives no value for {names}; it is too small or too uniform for {family.value}."
        )
    return {tag: found[name] for name, tag in tags.items()}


def _execute(features: Any, names: Iterable[str]) -> dict[str, float]:
    for name in names:
        features.enableFeatureByName(name)
    try:
        return {name: float(value) for name, value in features.execute().items()}
    except RuntimeError:
        # The C code finds no neighbours at all, as in a lesion of one voxel: no feature has a value.
        return {}
