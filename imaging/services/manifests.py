"""Manifests: the browser says by hashes what it will send, we say what is missing, and take nothing that differs.

A file is its content: the same bytes are one file whatever they were called, so that after a reload, or from another
folder, nothing that arrived is sent again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import canonical
from imaging import quarantine
from imaging.claims import read_claim
from imaging.models import Manifest, Submission
from imaging.quarantine import MAXIMUM_FILES
from imaging.services import road, submissions
from imaging.services.pieces import Piece
from imaging.services.submissions import MAXIMUM_BYTES
from imaging.vault import PART_SIZE

_HASH_LENGTH = 64
_HEXADECIMAL = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A file that will come: size in bytes, SHA-256 of each of its parts, and what the browser claims of its cleaning.

    `claim` is None for a file that comes as it is.
    """

    size: int
    hashes: tuple[str, ...]
    claim: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        """Raise ValidationError (`manifest`) for what no file of ours can be."""
        is_whole = 0 <= self.size <= MAXIMUM_BYTES and len(self.hashes) == max(1, -(-self.size // PART_SIZE))
        if not is_whole or not all(len(one) == _HASH_LENGTH and _HEXADECIMAL.issuperset(one) for one in self.hashes):
            raise ValidationError(
                _("A file was announced in a way that no file can be. Nothing was sent."), code="manifest"
            )

    @classmethod
    def told(cls, *, size: int, hashes: Sequence[str], claim: Any) -> "Announced":
        """Make it of what a browser said; the claim is None or of `imaging.claims`. Raises ValidationError."""
        try:
            read = None if claim is None else read_claim(claim).told
        except ValueError:
            sentence = _(
                "What this page says of a cleaned file is not understood. Nothing was sent; load the page again."
            )
            raise ValidationError(sentence, code="claim") from None
        return cls(size=size, hashes=tuple(hashes), claim=read)

    def size_of(self, part: int) -> int:
        return min(PART_SIZE, self.size - part * PART_SIZE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Under which number an announced file goes, and how many of its parts have arrived."""

    number: int
    arrived: int


def announce(*, by: Actor, submission: Submission, files: Sequence[Announced]) -> list[Standing]:
    """Note what will be sent and tell, in the order asked, what of it is here. Safe to repeat.

    Raises ValidationError: `wrong-state` where the delivery takes no more, `too-many`.
    """
    by = submissions.require_sender(by, submission)
    with transaction.atomic():
        # Held, so that two windows at once do not give one number to two files.
        if road.lock(submission).state != Submission.State.RECEIVING:
            raise submissions.closed()
        numbers = {file.hashes: number for number, file in _announced(submission.manifests.all()).items()}
        fresh = list({file.hashes: file for file in files if file.hashes not in numbers}.values())
        _note(submission, len(numbers), fresh)
    numbers |= {file.hashes: number for number, file in enumerate(fresh, start=len(numbers))}
    # What another request is still writing has arrived, too: with its line cut, nobody could tell but we.
    with quarantine.held(submission):
        arrived = dict(submission.files.values_list("number", "parts"))
    wanted = [numbers[file.hashes] for file in files]
    return [Standing(number=number, arrived=len(arrived.get(number, ()))) for number in wanted]


def _note(submission: Submission, first: int, files: Sequence[Announced]) -> None:
    if first + len(files) > MAXIMUM_FILES:
        raise ValidationError(_("Too many files in one delivery. Divide it."), code="too-many")
    if files:
        # One claim stands for hundreds of files.
        claims = {canonical(file.claim): file.claim for file in files if file.claim is not None}
        places = {text: place for place, text in enumerate(claims)}
        rows = [[file.size, list(file.hashes), file.claim and places[canonical(file.claim)]] for file in files]
        told = {"claims": list(claims.values()), "files": rows}
        Manifest.objects.create(submission=submission, first=first, count=len(files), contents=told)


def _announced(rows: Iterable[Manifest]) -> dict[int, Announced]:
    return {row.first + place: file for row in rows for place, file in enumerate(_files_of(row))}


def _files_of(row: Manifest) -> Iterator[Announced]:
    claims = row.contents["claims"]
    for size, hashes, place in row.contents["files"]:
        yield Announced(size=size, hashes=tuple(hashes), claim=None if place is None else claims[place])


def receive(*, by: Actor, submission: Submission, pieces: Sequence[Piece]) -> int:
    """Take pieces as `submissions.receive` does, each equal to what was announced under its number.

    Raises ValidationError: `unannounced`, `changed`, and what `submissions.receive` raises.
    """
    announced = _named(submission, pieces)
    for piece in pieces:
        _require_as_announced(announced.get(piece.number), piece)
    claims = {number: file.claim for number, file in announced.items() if file.claim is not None}
    return submissions.receive(by=by, submission=submission, pieces=pieces, claims=claims)


def _named(submission: Submission, pieces: Sequence[Piece]) -> Mapping[int, Announced]:
    """Return what was announced of the files that the pieces belong to, and of their neighbours."""
    numbers = [piece.number for piece in pieces]
    rows = submission.manifests.filter(first__lte=max(numbers), first__gt=min(numbers) - F("count"))
    return _announced(rows)


def _require_as_announced(announced: Announced | None, piece: Piece) -> None:
    if announced is None or piece.part >= len(announced.hashes):
        raise ValidationError(_("A file came that was not announced. Nothing of it was kept."), code="unannounced")
    if piece.sha256 != announced.hashes[piece.part] or len(piece.data) != announced.size_of(piece.part):
        raise ValidationError(
            _("A file is not what was announced: it changed while it was sent. Start the delivery anew."),
            code="changed",
        )
