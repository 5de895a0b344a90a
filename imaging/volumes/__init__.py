"""The only door to voxels: series, segmentations and structure sets on one checked grid."""

from imaging.volumes.grid import Affine, Cause, Mask, Segment, Volume, VolumeRefused
from imaging.volumes.reading import read_volume
from imaging.volumes.references import referenced_series
from imaging.volumes.segments import read_segments
from imaging.volumes.structures import read_structures

__all__ = [
    "Affine",
    "Cause",
    "Mask",
    "Segment",
    "Volume",
    "VolumeRefused",
    "read_segments",
    "read_structures",
    "read_volume",
    "referenced_series",
]
