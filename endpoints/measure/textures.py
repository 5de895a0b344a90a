"""Drives pyradiomics' feature classes on bin indices, and takes nothing less than every feature asked for."""

import logging
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import radiomics
from radiomics import firstorder, glcm, gldm, glrlm, glszm, ngtdm

from endpoints.measure.errors import RadiomicsError
from endpoints.measure.settings import Family

# pyradiomics writes tracebacks and values to standard error; a failed feature is told by RadiomicsError instead.
radiomics.setVerbosity(60)
logging.getLogger("radiomics").propagate = False


class _Indexed:
    """Takes the image as grey levels already: pyradiomics would count its bins from the lesion's own minimum."""

    coefficients: dict[str, Any]
    maskArray: npt.NDArray[np.bool_]

    def _applyBinning(self, matrix: npt.NDArray[Any]) -> npt.NDArray[np.int64]:  # noqa: N802  pyradiomics' hook
        levels = np.where(self.maskArray, matrix, 0).astype(np.int64)
        present = np.unique(levels[self.maskArray])
        self.coefficients["grayLevels"] = present
        self.coefficients["Ng"] = int(present.max())
        return levels


CLASSES: Mapping[Family, Callable[..., Any]] = MappingProxyType(
    {
        Family.STATISTICS: firstorder.RadiomicsFirstOrder,
        Family.HISTOGRAM: type("_Histogram", (_Indexed, firstorder.RadiomicsFirstOrder), {}),
        Family.GLCM: type("_Glcm", (_Indexed, glcm.RadiomicsGLCM), {}),
        Family.GLRLM: type("_Glrlm", (_Indexed, glrlm.RadiomicsGLRLM), {}),
        Family.GLSZM: type("_Glszm", (_Indexed, glszm.RadiomicsGLSZM), {}),
        Family.NGTDM: type("_Ngtdm", (_Indexed, ngtdm.RadiomicsNGTDM), {}),
        Family.NGLDM: type("_Ngldm", (_Indexed, gldm.RadiomicsGLDM), {}),
    }
)


def compute(
    family: Family, *, image: Any, mask: Any, tags: Mapping[str, str], settings: Mapping[str, Any]
) -> dict[str, float]:
    """Return the features named in `tags` by IBSI tag, from two SimpleITK images of one grid.

    Raises RadiomicsError when pyradiomics gives fewer values than asked for, or one that is no number.
    """
    features = CLASSES[family](image, mask, **settings)
    for name in tags:
        features.enableFeatureByName(name)
    found = {name: float(value) for name, value in features.execute().items()}
    failed = sorted(tags[name] for name in tags if not math.isfinite(found.get(name, math.nan)))
    if failed:
        raise RadiomicsError(
            f"The lesion gives no value for {', '.join(failed)}; it is too small or too uniform for {family.value}."
        )
    return {tag: found[name] for name, tag in tags.items()}
