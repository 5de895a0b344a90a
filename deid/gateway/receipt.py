"""What a run did, as JSON for the site's own file and in words; no file is named by its name in it."""

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deid.gateway.sending import Outcome, Sending, State
from deid.gateway.survey import Refusal
from deid.tables import table_edition
from deid.version import engine_version

_MODE = 0o600
_FAILED_ENDS = frozenset({"quarantined", "discarded"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How Corelab says that a delivery stands; `told` is {} where it could not be asked."""

    delivery: str
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return self.told.get("ended") is True

    @property
    def refusals(self) -> list[dict[str, Any]]:
        told = self.told.get("refusals")
        return [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []

    @property
    def is_refused(self) -> bool:
        return self.told.get("state") in _FAILED_ENDS or bool(self.refusals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One run, as it ended."""

    trial: str
    site: str
    sending: Sending
    refused: list[Refusal]
    aside: int
    deliveries: list[Ended]

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(each.state for each in self.sending.outcomes)
        found[State.REFUSED] += len(self.refused)
        return {str(state): found[state] for state in State}

    @property
    def is_clean(self) -> bool:
        """Whether everything in the folder was taken, and nothing of it refused later on the road."""
        left = self.counts[State.REFUSED] + self.counts[State.UNSENT]
        return not (left or self.sending.trouble or any(each.is_refused for each in self.deliveries))

    @property
    def told(self) -> dict[str, Any]:
        policy = self.sending.cleaner.policy
        return {
            "receipt": "corelab-gateway",
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "engine": engine_version(),
            "table": table_edition(),
            "profile": {"name": policy.name, "version": policy.version, "sha256": policy.digest, **policy.told},
            "address": str(self.sending.line.address),
            "trial": self.trial,
            "site": self.site,
            "subject": self.sending.subject,
            "time_point": self.sending.time_point,
            "counts": self.counts | {"left aside": self.aside},
            "trouble": self.sending.trouble,
            "objects": [_object(each) for each in self.sending.outcomes]
            + [
                {"sha256_before": each.sha256, "answer": State.REFUSED, "code": each.code, "reason": each.reason}
                for each in self.refused
            ],
            "deliveries": [{"address": each.delivery, "answer": each.told} for each in self.deliveries],
        }


def _object(outcome: Outcome) -> dict[str, Any]:
    told: dict[str, Any] = {"sha256_before": outcome.found.sha256, "answer": str(outcome.state)}
    if outcome.state in {State.TAKEN, State.EARLIER}:
        named = {"sha256_after": outcome.sha256, "sop_instance_uid": outcome.uid, "delivery": outcome.delivery}
        return told | named
    return told | {"code": outcome.code, "reason": outcome.reason}


def write_receipt(path: Path, receipt: Receipt) -> None:
    """Write it beside its place and rename it, for its owner alone: digests before lead back to the site's files."""
    partial = path.with_name(path.name + ".part")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), _MODE)
        file.write(json.dumps(receipt.told, indent=1, ensure_ascii=False) + "\n")
    partial.replace(path)
