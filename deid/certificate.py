"""The record of what was executed and done, by object and in all, without any value: one shape for server and site."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from deid.model import Cleaned, Policy
from deid.tables import table_edition
from deid.version import engine_version

Record = dict[str, Any]


def cleaned_record(cleaned: Cleaned, *, before: str, after: str) -> Record:
    """Return the record of an object that was let through; digests are SHA-256 (hex) of the files."""
    return {
        "decision": "cleaned",
        "sha256_before": before,
        "sha256_after": after,
        "method_codes": list(cleaned.method_codes),
        "actions": {tag: dict(deeds) for tag, deeds in cleaned.by_tag.items()},
    }


def refused_record(*, before: str, code: str, reason: str) -> Record:
    """Return the record of an object that was not let through; the reason is a sentence of ours without a value."""
    return {"decision": "refused", "sha256_before": before, "code": code, "reason": reason}


def executed(policy: Policy) -> Record:
    """Return what was in force: engine, table and vocabulary by version, and the profile with its digest."""
    return {
        "engine": engine_version(),
        "table": table_edition(),
        "profile": {"name": policy.name, "version": policy.version, **policy.told},
        "policy_sha256": policy.digest,
    }


def certificate(policy: Policy, records: Iterable[Mapping[str, Any]]) -> Record:
    """Return the certificate of a run: what was in force, counts, actions by tag in all, and each object's record."""
    files = [dict(each) for each in records]
    return {
        **executed(policy),
        "cleaned": sum(each["decision"] == "cleaned" for each in files),
        "refused": sum(each["decision"] == "refused" for each in files),
        "actions": _in_all(files),
        "files": files,
    }


def _in_all(files: list[Record]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for each in files:
        for tag, deeds in each.get("actions", {}).items():
            found.setdefault(tag, Counter()).update(deeds)
    return {tag: dict(deeds) for tag, deeds in sorted(found.items())}
