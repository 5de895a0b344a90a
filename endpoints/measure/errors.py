"""The ways measuring refuses."""


class MeasureError(ValueError):
    """The mask, image or geometry cannot be measured; no value is given."""


class RadiomicsError(MeasureError):
    """Radiomics gave fewer values than asked for, or values that are no numbers; none of them is kept."""
