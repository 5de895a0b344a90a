"""Reads the facts of a cleaned object that filing and quality control need; values are safe to store."""

from datetime import date

from deid.elements import Element, Item, number_of, text_of, values_of
from deid.model import Facts
from deid.pixels import frame_count

_SHARED, _PER_FRAME = 0x52009229, 0x52009230
_MEASURES, _PLANE, _ORIENTATION = 0x00289110, 0x00209113, 0x00209116
_CONTRAST = frozenset({0x00180010, 0x00180012})
_NO_CONTRAST = frozenset({"", "NONE", "NO", "N", "WITHOUT"})
_DAY_LENGTH = 8


def has_contrast(original: Item) -> bool:
    """Whether the sender names a contrast agent (read before the name is taken out)."""
    agent = text_of(original.get(0x00180010)).upper()
    coded = original.get(0x00180012)
    return agent not in _NO_CONTRAST or bool(coded and coded.items)


def read_facts(item: Item, *, transfer_syntax: str, is_contrasted: bool, has_pixels: bool) -> Facts:
    """Return the facts of a cleaned data set; multi-frame geometry comes from the functional groups."""
    geometry = _geometry(item)
    return Facts(
        sop_class_uid=text_of(item.get(0x00080016)),
        sop_instance_uid=text_of(item.get(0x00080018)),
        series_instance_uid=text_of(item.get(0x0020000E)),
        study_instance_uid=text_of(item.get(0x0020000D)),
        frame_of_reference_uid=text_of(item.get(0x00200052)),
        modality=text_of(item.get(0x00080060)),
        study_date=day_of(item.get(0x00080020)),
        series_date=day_of(item.get(0x00080021)),
        acquisition_date=day_of(item.get(0x00080022)) or day_of(item.get(0x0008002A)),
        series_number=_integer(item.get(0x00200011)),
        instance_number=_integer(item.get(0x00200013)),
        acquisition_number=_integer(item.get(0x00200012)),
        rows=number_of(item.get(0x00280010)),
        columns=number_of(item.get(0x00280011)),
        frames=frame_count(item),
        samples_per_pixel=number_of(item.get(0x00280002)),
        bits_stored=number_of(item.get(0x00280101)),
        photometric_interpretation=text_of(item.get(0x00280004)),
        body_part=text_of(item.get(0x00180015)),
        laterality=text_of(item.get(0x00200062)) or text_of(item.get(0x00200060)),
        patient_position=text_of(item.get(0x00185100)),
        image_type=values_of(item.get(0x00080008)),
        orientation=_numbers(geometry.get(0x00200037)),
        position=_numbers(geometry.get(0x00200032)),
        pixel_spacing=_numbers(geometry.get(0x00280030)),
        slice_thickness=_number(geometry.get(0x00180050)),
        spacing_between_slices=_number(geometry.get(0x00180088)),
        slice_location=_number(item.get(0x00201041)),
        kvp=_number(item.get(0x00180060)),
        exposure_time=_number(item.get(0x00181150)),
        tube_current=_number(item.get(0x00181151)),
        convolution_kernel="\\".join(values_of(item.get(0x00181210))),
        magnetic_field_strength=_number(item.get(0x00180087)),
        repetition_time=_number(item.get(0x00180080)),
        echo_time=_number(item.get(0x00180081)),
        units=text_of(item.get(0x00541001)),
        has_contrast=is_contrasted,
        manufacturer=text_of(item.get(0x00080070)),
        manufacturer_model=text_of(item.get(0x00081090)),
        software_versions="\\".join(values_of(item.get(0x00181020))),
        transfer_syntax_uid=transfer_syntax,
        lossy_image_compression=text_of(item.get(0x00282110)),
        has_pixels=has_pixels,
    )


def _geometry(item: Item) -> Item:
    """Return the plane attributes wherever they stand: top level, shared groups, or the first frame's."""
    found: Item = {}
    for groups in (item.get(_PER_FRAME), item.get(_SHARED)):
        first = groups.items[0] if groups and groups.items else {}
        for macro in (_MEASURES, _PLANE, _ORIENTATION):
            inner = first.get(macro)
            found |= inner.items[0] if inner and inner.items else {}
    return found | item


def _numbers(element: Element | None) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in values_of(element))
    except ValueError:
        return ()


def _number(element: Element | None) -> float | None:
    numbers = _numbers(element)
    return numbers[0] if numbers else None


def _integer(element: Element | None) -> int | None:
    text = text_of(element)
    return int(text) if text.lstrip("+-").isdigit() and text.isascii() else None


def day_of(element: Element | None) -> date | None:
    """Return the day of a DA or DT value; None where none is told."""
    text = text_of(element)[:_DAY_LENGTH]
    if len(text) != _DAY_LENGTH or not text.isdigit():
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
