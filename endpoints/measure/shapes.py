"""The morphology of a lesion from its surface mesh; pyradiomics takes seconds to find the 3D diameter."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from skimage import measure

from endpoints.measure.errors import RadiomicsError
from endpoints.measure.geometry import Floats, Grid, Mask

MIN_VOXELS = 2
_measure: Any = measure  # scikit-image says it is typed, but its calls are not


@dataclass(frozen=True, slots=True, kw_only=True)
class _Surface:
    area_mm2: float
    volume_mm3: float
    diameter_mm: float
    hull_area_mm2: float
    hull_volume_mm3: float
    extent_mm: Floats


def measure_shape(mask: Mask, grid: Grid) -> Mapping[str, float]:
    """Return the IBSI morphology of a boolean mask by IBSI tag (IBSI section 3.1), lengths in mm.

    The mesh runs midway between voxel centres. The maximum 3D diameter is the longest distance between two of
    its vertices, sought among those of its convex hull; it is not the axial diameter RECIST asks for.
    Raises RadiomicsError below 2 voxels, which have no principal axes.
    """
    if np.count_nonzero(mask) < MIN_VOXELS:
        raise RadiomicsError("The lesion has fewer than 2 voxels, so it has no shape features.")
    return _describe_surface(_build(mask, grid)) | _describe_axes(mask, grid)


def _build(mask: Mask, grid: Grid) -> _Surface:
    # Unit spacing first: vertices at half voxels are exact in the single precision they come in.
    steps, faces, _, _ = _measure.marching_cubes(np.pad(mask, 1).astype(np.float32), 0.5)
    vertices = steps.astype(float) * np.array(grid.spacing_mm)
    first, second, third = (vertices[faces[:, corner]] for corner in range(3))
    normals = np.cross(second - first, third - first)
    hull = ConvexHull(vertices)
    return _Surface(
        area_mm2=float(np.linalg.norm(normals, axis=1).sum() / 2),
        volume_mm3=abs(float((first * normals).sum() / 6)),
        diameter_mm=float(pdist(vertices[hull.vertices]).max()),
        hull_area_mm2=float(hull.area),
        hull_volume_mm3=float(hull.volume),
        extent_mm=np.ptp(vertices, axis=0),
    )


def _describe_surface(surface: _Surface) -> dict[str, float]:
    area, volume = surface.area_mm2, surface.volume_mm3
    sphere = (36 * np.pi * volume**2) ** (1 / 3)
    depth, height, width = (float(side) for side in surface.extent_mm)
    return {
        "morph_volume": volume,
        "morph_area_mesh": area,
        "morph_av": area / volume,
        "morph_comp_1": float(volume / (np.sqrt(np.pi) * area**1.5)),
        "morph_comp_2": float(36 * np.pi * volume**2 / area**3),
        "morph_sph_dispr": area / sphere,
        "morph_sphericity": sphere / area,
        "morph_asphericity": float((area**3 / (36 * np.pi * volume**2)) ** (1 / 3) - 1),
        "morph_diam": surface.diameter_mm,
        "morph_vol_dens_aabb": volume / (depth * height * width),
        "morph_area_dens_aabb": area / (2 * (depth * height + height * width + depth * width)),
        "morph_vol_dens_conv_hull": volume / surface.hull_volume_mm3,
        "morph_area_dens_conv_hull": area / surface.hull_area_mm2,
    }


def _describe_axes(mask: Mask, grid: Grid) -> dict[str, float]:
    """Return counted volume and principal axes; IBSI's reference values follow from the sample covariance."""
    points = np.argwhere(mask) * np.array(grid.spacing_mm)
    least, minor, major = np.sqrt(np.clip(np.linalg.eigvalsh(np.cov(points, rowvar=False)), 0, None))
    return {
        "morph_vol_approx": len(points) * float(np.prod(grid.spacing_mm)),
        "morph_pca_maj_axis": float(4 * major),
        "morph_pca_min_axis": float(4 * minor),
        "morph_pca_least_axis": float(4 * least),
        "morph_pca_elongation": float(minor / major),
        "morph_pca_flatness": float(least / major),
    }
