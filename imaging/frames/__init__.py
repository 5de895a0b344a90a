"""Single frames as pictures, and the careful opening of image files that volumes share.

What decodes (`rendering`) and draws (`covering`) is imported by those who do it.
"""

from imaging.frames.opening import FrameRefused, read_image
from imaging.frames.windows import PRESETS, Preset, RenderedFrame, Window

__all__ = ["PRESETS", "FrameRefused", "Preset", "RenderedFrame", "Window", "read_image"]
