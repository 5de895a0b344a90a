"""The record of what was executed and done, by object and in all, without any value: one shape for server and site."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from deid.burned.record import PixelRecord
from deid.model import Policy
from deid.tables import table_edition
from deid.version import engine_version

Record = dict[str, Any]


class Told(Protocol):
    """What a record says of an object that was let through, as `deid.Cleaned` tells it."""

    @property
    def method_codes(self) -> tuple[str, ...]: ...

    @property
    def by_tag(self) -> Mapping[str, Mapping[str, int]]: ...

    @property
    def pixels(self) -> PixelRecord | None: ...


def cleaned_record(cleaned: Told, *, before: str, after: str) -> Record:
    """Return the record of an object that was let through; digests are SHA-256 (hex) of the files."""
    return {
        "decision": "cleaned",
        "sha256_before": before,
        "sha256_after": after,
        "method_codes": list(cleaned.method_codes),
        **({"pixels": cleaned.pixels.told} if cleaned.pixels else {}),
        "actions": {tag: dict(deeds) for tag, deeds in cleaned.by_tag.items()},
    }


def refused_record(*, before: str, code: str, reason: str) -> Record:
    """Return the record of an object that was not let through; the reason is a sentence of ours without a value."""
    return {"decision": "refused", "sha256_before": before, "code": code, "reason": reason}


def waiting_record(*, before: str) -> Record:
    """Return the record of an object on whose picture a person has yet to decide."""
    return {"decision": "waiting", "sha256_before": before}


def executed(policy: Policy) -> Record:
    """Return what was in force: engine, table and vocabulary by version, and the profile with its digest."""
    return {
        "engine": engine_version(),
        "table": table_edition(),
        "profile": {"name": policy.name, "version": policy.version, **policy.told},
        "policy_sha256": policy.digest,
    }


def certificate(policy: Policy, records: Iterable[Mapping[str, Any]]) -> Record:
    """Return the certificate of a run: what was in force, counts, actions by tag in all, and each object's record.

    Slices of one series are treated alike: the actions by tag stand once, as a pattern, and each object names its own.
    """
    patterns: dict[str, int] = {}
    files = [_with_pattern(dict(each), patterns) for each in records]
    told = {str(number): json.loads(actions) for actions, number in patterns.items()}
    decided = Counter(each["decision"] for each in files)
    return {
        **executed(policy),
        "cleaned": decided["cleaned"],
        "refused": decided["refused"],
        "waiting": decided["waiting"],
        "actions": _in_all(files, told),
        "patterns": told,
        "files": files,
    }


def _with_pattern(record: Record, patterns: dict[str, int]) -> Record:
    if "actions" in record:
        actions = json.dumps(record.pop("actions"), sort_keys=True)
        record["pattern"] = str(patterns.setdefault(actions, len(patterns) + 1))
    return record


def _in_all(files: list[Record], patterns: Mapping[str, Mapping[str, Mapping[str, int]]]) -> Record:
    found: dict[str, Counter[str]] = {}
    for number, count in Counter(each["pattern"] for each in files if "pattern" in each).items():
        for tag, deeds in patterns[number].items():
            sums = found.setdefault(tag, Counter())
            sums.update({deed: times * count for deed, times in deeds.items()})
    return {tag: dict(deeds) for tag, deeds in sorted(found.items())}
