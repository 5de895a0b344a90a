"""What Corelab expects for a time point, and how a folder compares with it before anything is sent."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from deid.gateway.survey import Found
from deid.keyed import require_key
from deid.options import DATES, Option
from deid.profile import Profile, parse_profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A series that the charter asks for."""

    name: str
    modality: str
    minimum_slices: int
    is_required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """The trial and its rules, what a time point must bring, and whether the subject's person is known there.

    `common_key` is what persons are told by, the same whichever way a scan comes; None where the server has none.
    `recognises` is whether it knows the subject's person by that key.
    """

    trial: str
    site: str
    time_point_name: str
    profile: Profile
    requirements: tuple[Requirement, ...]
    knows_person: bool
    common_key: bytes | None = field(default=None, repr=False)
    recognises: bool = False


def read_expectation(told: Any) -> Expectation:
    """Return what the server told. Raises ValueError where that is not what this program understands."""
    try:
        requirements = [
            Requirement(
                name=str(each["name"]),
                modality=str(each["modality"]),
                minimum_slices=int(each["minimum_slices"]),
                is_required=each["required"] is True,
            )
            for each in told["requirements"]
        ]
        return Expectation(
            trial=str(told["trial"]),
            site=str(told["site"]),
            time_point_name=str(told["time_point_name"]),
            profile=parse_profile(told["profile"]),
            requirements=tuple(requirements),
            knows_person=told["knows_person"] is True,
            common_key=require_key(bytes.fromhex(told["common_key"])) if "common_key" in told else None,
            recognises=told.get("recognises") is True,
        )
    except (KeyError, TypeError):
        raise ValueError(
            "Corelab told its expectation in a way this program does not know; bring it up to date"
        ) from None


def site_profile(profile: Profile) -> Profile:
    """Return the trial's rules for use at the site: dates are moved by Corelab alone, where they are moved at all.

    It counts visits and the day of a withdrawal from them; moved twice, with a key it does not have, they would lie.
    Faces are taken out by Corelab's own program, which needs them as they are.
    """
    options = profile.policy.options - {Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES}
    if Option.RETAIN_MODIFIED_DATES in options:
        options = (options - DATES) | {Option.RETAIN_FULL_DATES}
    return replace(profile, policy=replace(profile.policy, options=options))


def shortfalls(requirements: Sequence[Requirement], found: Sequence[Found]) -> list[str]:
    """Return a sentence for each series that is required and not there; each series serves one requirement."""
    sizes = Counter(each.series for each in found)
    modality = {each.series: each.modality for each in found}
    said = []
    required = [each for each in requirements if each.is_required]
    for asked in sorted(required, key=lambda each: -each.minimum_slices):
        fitting = [series for series in sizes if modality[series] == asked.modality]
        best = max(fitting, key=lambda series: sizes[series], default="")
        most = sizes.pop(best) if fitting else 0
        if most < asked.minimum_slices:
            said.append(_shortfall(asked, most))
    return said


def _shortfall(asked: Requirement, most: int) -> str:
    came = f"the largest one here has {most}" if most else "there is none in this folder"
    images = "image" if asked.minimum_slices == 1 else "images"
    return (
        f"The charter asks for “{asked.name}” ({asked.modality}) with at least {asked.minimum_slices} {images}; {came}."
    )
