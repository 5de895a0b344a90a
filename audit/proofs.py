"""An extract of the trail that proves itself: events, or their bare leaves, with the way of each to a signed root."""

import base64
from collections.abc import Iterable
from typing import Any

from audit.models import Checkpoint, Stamp
from audit.records import wholes
from audit.sealing import public_key
from audit.tree import Tree
from audit.verifier import EXTRACT


def extract(*, shown: Iterable[int], withheld: Iterable[int] = ()) -> dict[str, Any] | None:
    """Return the extract of these events by sequence, under the last checkpoint; None until it covers all of them.

    Of a withheld event only the leaf is given: it proves that the event is in the log, and tells nothing of it.
    """
    last = Checkpoint.objects.order_by("-size").first()
    if last is None:
        return None
    tree = Tree(size=last.size)
    wanted = [*((sequence, True) for sequence in shown), *((sequence, False) for sequence in withheld)]
    entries = [_entry(tree, sequence, is_shown=is_shown) for sequence, is_shown in wanted]
    if None in entries:
        return None
    return {
        "format": EXTRACT,
        "public_key": public_key().hex(),
        "checkpoint": {"text": last.text, "signature": last.signature},
        "timestamp": _stamp(last),
        "entries": entries,
    }


def _entry(tree: Tree, sequence: int, *, is_shown: bool) -> dict[str, Any] | None:
    index = tree.index_of(sequence)
    if index is None:
        return None
    return {
        "index": index,
        "leaf": tree.leaf(index).hex(),
        "proof": [step.hex() for step in tree.path(index)],
        "event": _event(sequence) if is_shown else None,
    }


def _event(sequence: int) -> dict[str, Any]:
    (event,) = wholes([sequence])
    return event


def _stamp(checkpoint: Checkpoint) -> str | None:
    found = Stamp.objects.filter(size=checkpoint.size).first()
    return base64.b64encode(bytes(found.token)).decode() if found else None
