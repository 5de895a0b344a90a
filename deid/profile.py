"""A profile as a file: which rules a trial or a site chose, and what is written into the Clinical Trial modules."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from deid.choices import read_choices
from deid.lint import errors_of, lint
from deid.model import ClinicalTrial, Policy
from deid.options import COLUMNS, DATES, Option

_NOT_STATED = "NOT STATED"
_NAMES = frozenset(each.name for each in fields(ClinicalTrial)) - {"subject_code"}
_PARTS = frozenset({"name", "version", "options", "unknown_objects", "words", "tags", "measures_suv", "trial"})


@dataclass(frozen=True, slots=True)
class Profile:
    """A policy, whether SUV is measured under it, and the texts of the Clinical Trial modules by field name.

    The subject comes with each object.
    """

    policy: Policy = field(default_factory=Policy)
    measures_suv: bool = False
    texts: Mapping[str, str] = field(default_factory=dict)

    def trial(self, *, subject_code: str) -> ClinicalTrial:
        """Return the Clinical Trial modules of one subject. Raises ValueError for texts that do not fit."""
        texts = dict.fromkeys(_NAMES, "") | {"sponsor": _NOT_STATED, "protocol_id": _NOT_STATED} | dict(self.texts)
        return ClinicalTrial(subject_code=subject_code, **texts)

    @property
    def told(self) -> dict[str, Any]:
        """Return the profile as the JSON that `parse_profile` reads."""
        named = {"name": self.policy.name, "version": self.policy.version}
        return named | self.policy.told | {"measures_suv": self.measures_suv, "trial": dict(self.texts)}


def read_profile(path: Path) -> Profile:
    """Read a profile file. Raises ValueError, OSError."""
    try:
        told: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise ValueError("the profile is no JSON") from None
    return parse_profile(told)


def parse_profile(told: Any) -> Profile:
    """Return the profile that a JSON object tells. Raises ValueError, also for choices that contradict each other.

    Each part is optional: `name`, `version`, `options` (names), `unknown_objects` (refuse or generic), `words`, `tags`
    (each a `tag`, an `action`, keep or remove, and a `reason`), `measures_suv`, and `trial` (texts by field name).
    """
    if not isinstance(told, dict) or told.keys() - _PARTS:
        raise ValueError(f"a profile holds {', '.join(sorted(_PARTS))}, and nothing else")
    try:
        named = told | ({"options": option_set(told["options"])} if "options" in told else {})
        choices = read_choices(named)
        name, version = str(told.get("name", "basic")), int(told.get("version", 1))
    except (KeyError, TypeError, AttributeError):
        raise ValueError("a part of the profile has the wrong shape") from None
    measures_suv = told.get("measures_suv") is True
    policy = Policy.of(choices, name=name, version=version)
    return Profile(policy=policy, measures_suv=measures_suv, texts=_texts(told.get("trial", {})))


def require_sound(profile: Profile, *, has_defacer: bool = False) -> Profile:
    """Return the profile, or raise ValueError with every error of `deid.lint`."""
    if errors := errors_of(lint(profile.policy, measures_suv=profile.measures_suv, has_defacer=has_defacer)):
        raise ValueError(" ".join(errors))
    return profile


def _texts(told: Any) -> dict[str, str]:
    if not isinstance(told, dict) or told.keys() - _NAMES or not all(isinstance(text, str) for text in told.values()):
        raise ValueError(f"the trial of a profile holds texts under these names: {', '.join(sorted(_NAMES))}")
    return told


def option_set(names: Collection[str]) -> frozenset[Option]:
    """Return options by our name, the standard's, or code (CID 7050). Raises ValueError for a name that is none."""
    known = _names()
    if unknown := sorted(name for name in names if _plain(name) not in known):
        raise ValueError(f"no such option: {', '.join(unknown)}; there are {', '.join(Option)}")
    return frozenset(known[_plain(name)] for name in names)


def _names() -> dict[str, Option]:
    told = {option: (option, COLUMNS[option].code, COLUMNS[option].meaning) for option in Option}
    return {_plain(name): option for option, names in told.items() for name in names}


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold())).removesuffix("option")


def with_options(
    options: frozenset[Option], *, added: frozenset[Option], taken: frozenset[Option]
) -> frozenset[Option]:
    """Return options changed on the command line; choosing how dates are kept replaces the other way."""
    replaced = DATES if added & DATES else frozenset()
    return (options - replaced - taken) | added
