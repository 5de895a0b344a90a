"""The length of a line drawn on an image."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from endpoints.measure.geometry import PixelPoint, PixelSpacing

TENTH_MM = Decimal("0.1")


def measure_length(start: PixelPoint, end: PixelPoint, spacing: PixelSpacing) -> Decimal:
    """Return the distance between two points of one image in mm, to 0.1 mm, ties to the even digit.

    Decimal arithmetic: 50 pixels of 0.7 mm are 35.0 mm, and a border case rounds the same on every machine.
    """
    with localcontext() as context:
        context.prec = 50
        rows = (_exact(end.row) - _exact(start.row)) * spacing.row_mm
        columns = (_exact(end.column) - _exact(start.column)) * spacing.column_mm
        return (rows * rows + columns * columns).sqrt().quantize(TENTH_MM, rounding=ROUND_HALF_EVEN)


def _exact(coordinate: float) -> Decimal:
    """Return what the screen sent: 0.1 as it was written, not its nearest binary number."""
    return Decimal(repr(float(coordinate)))
