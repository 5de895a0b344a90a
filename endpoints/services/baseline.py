"""RECIST's edit checks on a draft baseline: which findings forbid locking it and which are only said."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from endpoints.criteria import recist11
from endpoints.models import Lesion, Measurement, Read
from endpoints.selectors.cases import is_baseline
from imaging.models import Instance
from imaging.selectors import image_series_of

# What a reader cannot know from the images alone, or what makes a check impossible, is said and left to the reader.
_ONLY_SAID = frozenset({"slice-thickness-unknown", "irradiated", "baseline-too-early"})
_METHODS = {
    "MR": recist11.Method.MRI,
    "CR": recist11.Method.CHEST_XRAY,
    "DX": recist11.Method.CHEST_XRAY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EditCheck:
    """One broken rule in words; `blocks` where the read cannot be locked with it."""

    code: str
    sentence: str
    rule: str
    blocks: bool


def edit_checks(read: Read) -> list[EditCheck]:
    """Return the broken baseline rules of a draft (RECIST 1.1 sections 3 and 4.1); none at follow-ups."""
    if not is_baseline(read):
        return []
    measured = list(Measurement.objects.filter(read=read).select_related("lesion"))
    found = recist11.check_baseline(
        list(_targets(read, measured)),
        [
            recist11.BaselineNonTarget(label=row.lesion.label, is_node=row.lesion.is_node)
            for row in measured
            if row.lesion.kind == Lesion.Kind.NON_TARGET
        ],
    )
    return [
        EditCheck(code=one.code, sentence=one.sentence, rule=one.rule, blocks=one.code not in _ONLY_SAID)
        for one in found
    ]


def _targets(read: Read, measured: list[Measurement]) -> Iterator[recist11.BaselineTarget]:
    thickest = _thickest(read)
    for row in measured:
        if row.lesion.kind == Lesion.Kind.TARGET and row.value is not None:
            source = Instance.objects.filter(uid=row.instance_uid).select_related("series").first()
            yield recist11.BaselineTarget(
                label=row.lesion.label,
                organ=row.lesion.organ,
                kind=recist11.LesionKind.NODE if row.lesion.is_node else recist11.LesionKind.SOLID,
                diameter_mm=row.value,
                method=_METHODS.get(source.series.modality if source else "", recist11.Method.CT),
                slice_thickness_mm=_thickness(source) if source else thickest,
            )


def _thickness(instance: Instance) -> Decimal | None:
    told = instance.facts.get("slice_thickness")
    return Decimal(repr(float(told))) if told else None


def _thickest(read: Read) -> Decimal | None:
    """Return the thickest slice of the case: a typed length names no image, so the strictest limit holds."""
    series = image_series_of(read.assignment.time_point)
    told = [_thickness(instance) for one in series for instance in one.instances.all()]
    return max((thickness for thickness in told if thickness), default=None)
