"""The record of processing and the impact assessment as files: JSON to keep, PDF to read."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from audit.services import canonical
from privacy.paper import Paper, Section, Table, render

_SHARES = 3


def as_json(told: Mapping[str, Any]) -> bytes:
    return json.dumps(json.loads(canonical(told)), indent=1, ensure_ascii=False).encode()


def draw_record(told: Mapping[str, Any]) -> bytes:
    """Return the PDF of a record of processing."""
    plain = json.loads(canonical(told))
    title = f"Record of processing, article {plain['article']}"
    parts = ((one["trial"], name, value) for one in plain["activities"] for name, value in _of(one))
    sections = tuple(_section(f"{trial}: {name}", value) for trial, name, value in parts)
    return _render(title, "GDPR article 30, made from the live settings of this installation", plain, sections)


def draw_assessment(told: Mapping[str, Any]) -> bytes:
    """Return the PDF of an impact assessment."""
    plain = json.loads(canonical(told))
    skipped = {"format", "trial", "made_at", "software", "description"}
    described = tuple(_section(f"description: {name}", value) for name, value in _of(plain["description"]))
    rest = tuple(_section(name, value) for name, value in plain.items() if name not in skipped)
    title = "Data protection impact assessment"
    return _render(title, f"GDPR article 35, trial {plain['trial']}", plain, described + rest)


def _of(activity: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in activity.items() if name != "trial")


def _render(title: str, subtitle: str, told: Mapping[str, Any], sections: tuple[Section, ...]) -> bytes:
    sha256 = hashlib.sha256(as_json(told)).hexdigest()
    head, foot = f"{title} · {told['made_at'][:10]}", f"data file SHA-256 {sha256[:16]}…"
    return render(Paper(title=title, subtitle=subtitle, head=head, foot=foot, sections=sections))


def _section(heading: str, value: Any) -> Section:
    match value:
        case [dict() as first, *_]:
            rows = tuple(tuple(_words(row[name]) for name in first) for row in value)
            table = Table(head=tuple(first), rows=rows, shares=(_SHARES,) * len(first))
            return Section(heading=heading, tables=(table,))
        case dict():
            return Section(heading=heading, facts=tuple((name, _words(each)) for name, each in value.items()))
        case list():
            return Section(heading=heading, sentences=tuple(f"• {_words(each)}" for each in value))
        case _:
            return Section(heading=heading, sentences=(_words(value),))


def _words(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return "–" if value in (None, "") else str(value)
