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


def proven_record(proven: Told, *, sha256: str, engine: str) -> Record:
    """Return the record of an object that the site's browser cleaned: what came is what is kept, and was proven here.

    What was done to which attribute only the browser saw, so it is not told; the codes stand in the object.
    """
    return {
        "decision": "cleaned",
        "cleaned_in": "the site's browser",
        "engine": engine,
        "proof": "cleaned again by the core laboratory without any change",
        "sha256_after": sha256,
        "method_codes": list(proven.method_codes),
        **({"pixels": proven.pixels.told} if proven.pixels else {}),
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
    tally = Tally()
    files = [tally.count(each) for each in records]
    return {**executed(policy), **tally.told, "files": files}


class Tally:
    """The counts and patterns of a run; the records pass by one by one, and only these stay in memory."""

    def __init__(self) -> None:
        self._decided: Counter[str] = Counter()
        self._patterns: dict[str, str] = {}
        self._used: Counter[str] = Counter()

    def count(self, record: Mapping[str, Any]) -> Record:
        """Return the record with the name of its pattern in place of its actions."""
        told = dict(record)
        self._decided[told["decision"]] += 1
        if "actions" in told:
            actions = json.dumps(told.pop("actions"), sort_keys=True)
            told["pattern"] = self._patterns.setdefault(actions, str(len(self._patterns) + 1))
            self._used[told["pattern"]] += 1
        return told

    @property
    def told(self) -> Record:
        """What a certificate says of all records together."""
        patterns = {number: json.loads(actions) for actions, number in self._patterns.items()}
        return {
            **{decision: self._decided[decision] for decision in ("cleaned", "refused", "waiting")},
            "actions": self._in_all(patterns),
            "patterns": patterns,
        }

    def _in_all(self, patterns: Mapping[str, Mapping[str, Mapping[str, int]]]) -> Record:
        found: dict[str, Counter[str]] = {}
        for number, count in self._used.items():
            for tag, deeds in patterns[number].items():
                sums = found.setdefault(tag, Counter())
                sums.update({deed: times * count for deed, times in deeds.items()})
        return {tag: dict(deeds) for tag, deeds in sorted(found.items())}
