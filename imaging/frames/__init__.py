"""Single frames as pictures, and the careful opening of image files that volumes share."""

from imaging.frames.covering import cover
from imaging.frames.opening import FrameRefused, read_image
from imaging.frames.rendering import RenderedFrame, render
from imaging.frames.windows import PRESETS, Preset, Window

__all__ = ["PRESETS", "FrameRefused", "Preset", "RenderedFrame", "Window", "cover", "read_image", "render"]
