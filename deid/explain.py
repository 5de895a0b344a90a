"""What would happen to each attribute of an object, and why: shown before anything is cleaned for good."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.datadict import dictionary_description

from deid.choices import usual_vr, written
from deid.elements import PIXEL_TAGS, Item, Source, text_of
from deid.model import Policy
from deid.options import COLUMNS, Option
from deid.plan import Deed, Place, Plan, plan_for
from deid.private import Blocks, blocks_of
from deid.risk import look_needed
from deid.tables import rows

_SOP_CLASS = 0x00080016
_NAMES = {"K": "keep", "C": "clean"}


@dataclass(frozen=True, slots=True)
class Line:
    """One attribute: where it stands (its tags from the outside in), its name, what is planned and why. No value."""

    path: str
    name: str
    vr: str
    deed: Deed
    why: str


def explain(source: Source, *, policy: Policy) -> tuple[Line, ...]:
    """Return a line for each attribute of the object, in order. Raises Rejected for an unknown kind of object."""
    plan = plan_for(text_of(source.item.get(_SOP_CLASS)), policy)
    return tuple(_lines(source.item, plan, plan.root, policy, above=""))


def profile_lines(policy: Policy, *, sop_class_uid: str) -> tuple[Line, ...]:
    """Return what the policy does at the top of one kind of object: to each row of the table, and by its own lines."""
    plan = plan_for(sop_class_uid, policy)
    return tuple(
        Line(
            written(tag),
            name_of(tag),
            usual_vr(tag),
            plan.rule(plan.root, tag).deed,
            _why(tag, plan, plan.root, policy),
        )
        for tag in sorted(rows().keys() | {rule.tag for rule in policy.tag_rules})
    )


def _lines(item: Item, plan: Plan, place: Place, policy: Policy, *, above: str) -> Iterator[Line]:
    blocks = blocks_of(item) if plan.retains_private else Blocks({})
    for tag in sorted(item):
        element, path = item[tag], f"{above}{written(tag)}"
        if tag in PIXEL_TAGS:
            yield Line(path, name_of(tag), element.vr, Deed.KEEP, _why_pixels(item, policy))
            continue
        safe = blocks.safe_vr(tag) if tag >> 16 & 1 else None
        rule = plan.private_rule(safe) if safe else plan.rule(place, tag)
        why = "a safe private attribute" if safe else _why(tag, plan, place, policy)
        yield Line(path, name_of(tag), element.vr, rule.deed, why)
        if rule.deed is Deed.RECURSE:
            for inner in element.items or ():
                yield from _lines(inner, plan, rule.place, policy, above=f"{path} > ")


def _why_pixels(item: Item, policy: Policy) -> str:
    faces = Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES in policy.options
    return _why_text(item, policy) + ("; faces are taken out by the defacer, or it is refused" if faces else "")


def _why_text(item: Item, policy: Policy) -> str:
    if look_needed(item, sop_class_uid=text_of(item.get(_SOP_CLASS))) is None:
        return "pixels stay bit by bit, cut to their length"
    if Option.CLEAN_PIXEL_DATA in policy.options:
        return "burned-in text is looked for on every frame and blanked; what is not certain waits for a person"
    return "text may be burned in: refused without the option clean-pixel-data"


def _why(tag: int, plan: Plan, place: Place, policy: Policy) -> str:
    if tag >> 16 & 1:
        return "private"
    row, kind = rows().get(tag), plan.type_of(place, tag)
    lines = [f"the profile says {rule.action}: {rule.reason}" for rule in policy.tag_rules if rule.tag == tag]
    needed = f"type {kind} here" if kind else "no part of this kind of object"
    if row is None:
        return "; ".join([*lines, "not in the table", needed])
    cells = [
        f"{name} under {option}"
        for option in Option
        if option in policy.options
        for name in _cells(option, row.letters)
    ]
    return "; ".join([*lines, f"table says {row.action}", *cells, needed])


def _cells(option: Option, letters: str) -> list[str]:
    column = COLUMNS[option]
    return [_NAMES[cell] for cell, letter in (("K", column.keep), ("C", column.clean)) if letter and letter in letters]


def name_of(tag: int) -> str:
    """Return the standard's name of an attribute."""
    try:
        return dictionary_description(tag)
    except KeyError:
        return "private attribute" if tag >> 16 & 1 else "unknown attribute"
