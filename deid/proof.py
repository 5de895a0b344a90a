"""Whether bytes are what the engine makes: run over them again, it must find nothing left to do.

What somebody else cleaned with this engine, a site's browser, is believed by this alone. A second run maps no UID and
moves no date, but takes no UID that was never mapped.
"""

from dataclasses import replace

from deid.burned.boxes import Box
from deid.burned.plain import blank_plain, record_of_boxes
from deid.elements import Source
from deid.engine import Engine, failing_closed, read_source
from deid.model import ClinicalTrial, Policy, Rejected, Rejection
from deid.person import NAME, PATIENT_ID
from deid.provenance import earlier_of
from deid.result import Cleaned

_NAMED = frozenset({NAME, PATIENT_ID})
# Clinical Trial modules, and what was done to the object.
_RECORD_GROUP = 0x0012


class Prover:
    """Proves the objects of one subject; what many of them have in common is decided once."""

    def __init__(self, *, trial: ClinicalTrial, policy: Policy) -> None:
        self._engine = Engine.of_cleaned(trial=trial, policy=policy)

    def prove(self, data: bytes, *, boxes: tuple[Box, ...] = ()) -> Cleaned:
        """Return the object as the engine makes it, byte by byte the one given; `boxes` were blanked by a person.

        Raises Rejected: as `Engine.clean`, or with NOT_PROVEN where anything would still change.
        """
        given, record = read_source(data), None
        with failing_closed():
            source, earlier = _without_record(given), earlier_of(given.item)
            if boxes:
                source, record = blank_plain(source, boxes), record_of_boxes(source, boxes)
        proven = self._engine.clean_source(source, record, earlier=earlier)
        if proven.data != data:
            raise _not_proven()
        return proven


def _without_record(source: Source) -> Source:
    """Return an object without its subject code and record, or their words would be searched for as a person's.

    The engine writes both anew, so that whatever else stands there is a change.
    """
    kept = {tag: each for tag, each in source.item.items() if tag not in _NAMED and tag >> 16 != _RECORD_GROUP}
    return replace(source, item=kept)


def _not_proven() -> Rejected:
    return Rejected(
        Rejection.NOT_PROVEN,
        "This file was cleaned in the browser, but not wholly as the rules of the trial ask: cleaned again here, it "
        "would change. It was not let through and is kept encrypted. Send the original scan again; if it comes back "
        "with this sentence, send it without cleaning in the browser and tell the coordinator.",
    )
