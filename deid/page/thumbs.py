"""Small pictures of native frames, made with plain bytes: enough to tell one series from another."""

from dataclasses import dataclass

from deid.burned.plain import Layout, layout_of
from deid.elements import Source
from deid.pixels import clean_pixels

# Pixels on the longer side: enough for a card, and the most that is drawn.
SIDE, _MOST = 96, 512
_OPAQUE = 255
_SHOWN = frozenset({"MONOCHROME1", "MONOCHROME2", "RGB"})
# Of the samples so many of a thousand at either end may be lost in white and black.
_LOST = 5


@dataclass(frozen=True, slots=True)
class Thumb:
    """A picture as a canvas takes it: four bytes a pixel, line by line."""

    width: int
    height: int
    rgba: bytes


def thumb_of(source: Source, *, side: int = SIDE) -> Thumb | None:
    """Return a picture of the middle frame, its longer side `side` pixels at most; None where it is not a plain one."""
    layout = layout_of(source.item)
    if layout is None or layout.photometric not in _SHOWN or source.span is not None:
        return None
    element = clean_pixels(source.item, transfer_syntax=source.transfer_syntax)
    if element is None or element.fragments is not None:
        return None
    length = layout.plane_length * layout.planes
    start = layout.frames // 2 * length
    return _drawn(bytes(element.value[start : start + length]), layout, min(max(side, 1), _MOST))


def _drawn(frame: bytes, layout: Layout, side: int) -> Thumb:
    step = max(-(-max(layout.rows, layout.columns) // side), 1)
    places = [
        row * layout.columns + column
        for row in range(0, layout.rows, step)
        for column in range(0, layout.columns, step)
    ]
    channels = [_channel(frame, layout, places, part) for part in range(layout.samples)]
    if layout.samples == 1:
        channels = [_spread(channels[0], is_inverted=layout.photometric == "MONOCHROME1")] * 3
    pixels = bytearray(len(places) * 4)
    for part in range(3):
        pixels[part::4] = channels[part]
    pixels[3::4] = bytes([_OPAQUE]) * len(places)
    return Thumb(width=len(range(0, layout.columns, step)), height=len(range(0, layout.rows, step)), rgba=bytes(pixels))


def _channel(frame: bytes, layout: Layout, places: list[int], part: int) -> list[int]:
    samples = layout.samples_in(frame)
    if layout.planes > 1:
        base = part * layout.rows * layout.columns
        found = [samples[base + place] for place in places]
    else:
        found = [samples[place * layout.samples + part] for place in places]
    return found if layout.samples == 1 else [each >> max(layout.stored - 8, 0) & 0xFF for each in found]


def _spread(samples: list[int], *, is_inverted: bool) -> list[int]:
    ranked = sorted(samples)
    lost = len(ranked) * _LOST // 1000
    low, high = ranked[lost], ranked[-1 - lost]
    scale = 255 / max(high - low, 1)
    grey = [round((min(max(each, low), high) - low) * scale) for each in samples]
    return [255 - each for each in grey] if is_inverted else grey
