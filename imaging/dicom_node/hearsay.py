"""What a site is told of the calls in its name. Few are noted of those that are turned away: anybody can make them."""

import time
from typing import Any

from imaging.models import Call
from imaging.services import lines

Result = Call.Result
# One note for each name and address in so many seconds, and of so many of them in all.
QUIET_SECONDS = 60.0
MOST_KNOWN = 200
_noted: dict[tuple[str, str], float] = {}


def tell_end(association: Any) -> None:
    """Note an association that ended, with how many objects were taken."""
    name, reception = _name(association), association.dul.reception
    if not name:
        return
    stored, refused = (reception.stored, reception.refused) if reception is not None else (0, 0)
    reasons = dict(reception.reasons) if reception is not None else {}
    address, result = association.caller.address, _result(stored, refused)

    def note(_register: Any) -> None:
        lines.note(ae_title=name, address=address, result=result, stored=stored, refused=refused, reasons=reasons)

    association.ae.desk.ask(note)


def _result(stored: int, refused: int) -> Call.Result:
    if not stored:
        return Result.REFUSED if refused else Result.QUIET
    return Result.PARTLY if refused else Result.STORED


def tell_rejection(association: Any, *, own: str) -> None:
    """Note an association that was turned away, with the reason in words."""
    name, caller = _name(association), association.caller
    if not _is_news(name, caller.address):
        return
    called = str(association.requestor.primitive.called_ae_title).strip()

    def note(_register: Any) -> None:
        result = lines.why_refused(ae_title=name, called=called, own=own, caller=caller)
        if not lines.note(ae_title=name, address=caller.address, result=result):
            lines.note_stranger(address=caller.address)

    association.ae.desk.ask(note)


def tell_unheard(association: Any) -> None:
    """Note a line that ended before an association was asked for, whatever it said."""
    address = association.caller.address
    if _is_news("", address):
        association.ae.desk.ask(lambda _register: lines.note_stranger(address=address))


def _is_news(name: str, address: str) -> bool:
    now = time.monotonic()
    for known in [key for key, at in _noted.items() if now - at > QUIET_SECONDS]:
        _noted.pop(known, None)
    if (name, address) in _noted or len(_noted) >= MOST_KNOWN:
        return False
    _noted[name, address] = now
    return True


def _name(association: Any) -> str:
    return str(association.requestor.ae_title).strip()
