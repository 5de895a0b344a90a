"""What may be done with the vault."""

from identity.services.erasing import Shredded, shred
from identity.services.keys import Rotated, open_vault, rotate
from identity.services.records import correct, record
from identity.services.unlocking import (
    approve,
    close,
    offer_approval,
    offer_request,
    request,
    reveal,
)

__all__ = [
    "Rotated",
    "Shredded",
    "approve",
    "close",
    "correct",
    "offer_approval",
    "offer_request",
    "open_vault",
    "record",
    "request",
    "reveal",
    "rotate",
    "shred",
]
