"""The only door to voxels: series, segmentations and structure sets on one checked grid.

What reads them (`reading`, `segments`, `structures`, `references`) runs behind the fence alone.
"""

from imaging.volumes.grid import Affine, Cause, Mask, Segment, Volume, VolumeRefused

__all__ = ["Affine", "Cause", "Mask", "Segment", "Volume", "VolumeRefused"]
