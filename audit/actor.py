"""Who acts: passed to every service as `by`, copied as text into every event."""

from dataclasses import dataclass, field, replace
from typing import Any

# Roles outside every trial: somebody with their own account, and whoever keeps the installation running.
ACCOUNT = "account"
OPERATOR = "operator"
# How the id of every machine begins; an account's name may not hold a colon.
MACHINE = "machine:"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person at a keyboard, or a machine with the person it works for (21 CFR 11.10(e), ICH E6(R3) 4.2.2).

    `user_id` is the account's key (None for machines); `role` is the role the act was done in, once access
    has been asked; `source` is the door (web, api, dicom, worker, command); `request_id` ties acts together.
    """

    id: str
    name: str
    source: str
    request_id: str
    user_id: int | None = None
    role: str = ""
    on_behalf_of: str = ""
    # What was looked up for this actor already; an actor lives as long as one request.
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def acting_as(self, role: str) -> "Actor":
        return replace(self, role=role)


def machine(name: str, *, source: str, request_id: str, on_behalf_of: str = "") -> Actor:
    """Return a machine actor, for example the worker, in the role `system`."""
    return Actor(
        id=f"{MACHINE}{name}",
        name=f"Corelab {name}",
        source=source,
        request_id=request_id,
        role="system",
        on_behalf_of=on_behalf_of,
    )
