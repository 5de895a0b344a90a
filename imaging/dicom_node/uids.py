"""In place of a part of pynetdicom 3.0: UIDs judged once. Every caller names three hundred, and they are the same."""

from functools import lru_cache
from typing import Any

from pydicom.uid import UID, AllTransferSyntaxes
from pynetdicom import pdu_items, pdu_primitives, presentation
from pynetdicom.presentation import PresentationContext
from pynetdicom.utils import set_uid

# PS3.5 9.1
_LONGEST = 64
_judged_once = lru_cache(maxsize=4096)(set_uid)
_syntaxes = {syntax: syntax for syntax in map(UID, AllTransferSyntaxes)}
_judge_syntax = PresentationContext.add_transfer_syntax


def known_uid(value: Any, *rules: Any, **named: Any) -> Any:
    """Judge a UID as the library does; one that is as long as it may be is remembered."""
    is_kept = isinstance(value, str | bytes) and 0 < len(value) <= _LONGEST
    return (_judged_once if is_kept else set_uid)(value, *rules, **named)


def add_transfer_syntax(context: PresentationContext, syntax: Any) -> None:
    """Add a transfer syntax as the library does; those of the standard need no judging."""
    known = _syntaxes.get(syntax)
    if known is None:
        _judge_syntax(context, syntax)
    elif known not in context.transfer_syntax:
        context.transfer_syntax.append(known)


def take_over() -> None:
    """Have the library use both."""
    for module in (pdu_items, pdu_primitives, presentation):
        module.set_uid = known_uid  # type: ignore[attr-defined]
    PresentationContext.add_transfer_syntax = add_transfer_syntax  # type: ignore[assignment,method-assign]
