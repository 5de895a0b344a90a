"""A whole delivery in one call: for a form without JavaScript and for the demo."""

import itertools
from collections.abc import Iterator, Sequence

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from imaging.models import Submission
from imaging.services.pieces import Piece, cut
from imaging.services.submissions import complete, receive, start
from imaging.vault import PART_SIZE
from trials.models import TimePoint


def send_whole(*, by: Actor, time_point: TimePoint, files: Sequence[bytes]) -> Submission:
    """Start, receive and complete. Raises ValidationError as each of them does, and `empty` without a file."""
    if not files:
        raise ValidationError(_("There was no file to send."), code="empty")
    size = sum(map(len, files))
    submission = start(by=by, time_point=time_point, size=size, files=len(files))
    for pieces in _batches(files):
        receive(by=by, submission=submission, pieces=pieces)
    return complete(by=by, submission=submission, files=len(files), size=size)


def _batches(files: Sequence[bytes]) -> Iterator[list[Piece]]:
    """Pieces that are asked for and recorded at once: a part's size together, as a browser sends them."""
    batch: list[Piece] = []
    room = PART_SIZE
    for piece in itertools.chain.from_iterable(cut(number=at, data=data) for at, data in enumerate(files)):
        if batch and len(piece.data) > room:
            yield batch
            batch, room = [], PART_SIZE
        batch.append(piece)
        room -= len(piece.data)
    yield batch
