"""A profile as a file: which options a trial or a site chose, and what is written into the Clinical Trial modules."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from deid.model import ClinicalTrial, Policy
from deid.options import COLUMNS, DEFAULT, Option

_NOT_STATED = "NOT STATED"
_NAMES = frozenset(each.name for each in fields(ClinicalTrial)) - {"subject_code"}


@dataclass(frozen=True, slots=True)
class Profile:
    """A policy, and the texts of the Clinical Trial modules by field name; the subject comes with each object."""

    policy: Policy = field(default_factory=Policy)
    texts: Mapping[str, str] = field(default_factory=dict)

    def trial(self, *, subject_code: str) -> ClinicalTrial:
        """Return the Clinical Trial modules of one subject. Raises ValueError for texts that do not fit."""
        texts = dict.fromkeys(_NAMES, "") | {"sponsor": _NOT_STATED, "protocol_id": _NOT_STATED} | dict(self.texts)
        return ClinicalTrial(subject_code=subject_code, **texts)


def read_profile(path: Path) -> Profile:
    """Read `{"name", "version", "options": [...], "trial": {...}}`, each part optional. Raises ValueError, OSError."""
    try:
        told: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise ValueError("the profile is no JSON") from None
    if not isinstance(told, dict) or told.keys() - {"name", "version", "options", "trial"}:
        raise ValueError("a profile holds name, version, options and trial, and nothing else")
    options = option_set(told["options"]) if "options" in told else DEFAULT
    policy = Policy(name=str(told.get("name", "basic")), version=int(told.get("version", 1)), options=options)
    return Profile(policy=policy, texts=_texts(told.get("trial", {})))


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
    dates = {Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES}
    replaced = dates if added & dates else frozenset()
    return (options - replaced - taken) | added
