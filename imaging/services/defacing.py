"""Faces are taken out of whole series between cleaning and filing; of a series with a fault nothing goes on."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from deid import Option, Policy, Rejected, Rejection
from deid.burned.record import PixelRecord
from deid.defacing.booth import Booth, Place
from deid.defacing.program import Defacer, Limits, Tick, find_defacer
from deid.defacing.record import FaceRecord
from imaging import fence, quarantine
from imaging.fence import Fenced, Rules
from imaging.models import IncomingFile, PixelReview, Submission
from imaging.services import intake
from imaging.vault import QuarantineDamaged, Stage

State = IncomingFile.State
_MINUTE, _GIBIBYTE = 60, 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A file whose picture goes to the defacer: its series, and what was done to its text.

    Its header-cleaned bytes lie sealed in the quarantine, under the parts that the row in memory names.
    """

    file: IncomingFile
    series: str
    pixels: PixelRecord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaced:
    """A file whose faces were taken out, cleaned and ready to be kept."""

    file: IncomingFile
    cleaned: Fenced


def is_asked(policy: Policy) -> bool:
    """Whether the rules ask that faces be taken out."""
    return Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES in policy.options


def hold(file: IncomingFile, cleaned: Fenced) -> Held:
    """Seal a header-cleaned file until its series is whole; nothing of it is written to the row."""
    file.cleaned_parts = quarantine.seal_whole(file, cleaned.data, stage=Stage.CLEANED)
    return Held(file=file, series=cleaned.facts.series_instance_uid, pixels=cleaned.pixels)


def deface(submission: Submission, held: Sequence[Held], rules: Rules, *, tick: Tick) -> Iterator[Defaced]:
    """Have each series defaced, and yield its files; those of a series that fails are refused, with a sentence.

    As long as a person has yet to look at a picture of the delivery no series is known to be whole: all wait.
    `tick` is called every few seconds, and what it raises goes on to the caller.
    """
    if PixelReview.objects.filter(file__submission=submission, file__state=State.WAITING).exists():
        _wait(held)
        return
    defacer = _defacer() if held else None
    if defacer is None:
        _refuse(held, Rejection.FACES_REMAIN, str(_NO_PROGRAM))
        return
    for _series, members in groupby(sorted(held, key=lambda each: each.series), key=lambda each: each.series):
        yield from _deface(submission, list(members), rules, defacer, tick=tick)


def _defacer() -> Defacer | None:
    limits = Limits(seconds=settings.DEFACER_MINUTES * _MINUTE, memory=int(settings.DEFACER_GIB * _GIBIBYTE))
    try:
        return find_defacer(settings.DEFACER, limits)
    except (OSError, ValueError):
        return None


def _deface(
    submission: Submission, series: Sequence[Held], rules: Rules, defacer: Defacer, *, tick: Tick
) -> Iterator[Defaced]:
    with _folder(submission) as folder:
        booth = Booth(defacer, folder=folder, compare=fence.compare)
        try:
            places = [_placed(booth, each, tick=tick) for each in series]
            faces = booth.deface(series[0].series, tick=tick)
        except Rejected as rejected:
            _refuse(series, rejected.code, f"{rejected.reason} {_WHAT_NEXT}")
            return
        for each, place in zip(series, places, strict=True):
            tick()
            if done := _finished(booth, each, place, faces, rules):
                yield done


def _placed(booth: Booth, held: Held, *, tick: Tick) -> Place:
    tick()
    try:
        data = quarantine.read_whole(held.file, stage=Stage.CLEANED)
    except QuarantineDamaged:
        raise Rejected("damaged-here", str(_DAMAGED)) from None
    try:
        return booth.hold_written(data, series=held.series, pixels=held.pixels)
    except OSError:
        raise Rejected(Rejection.FACES_REMAIN, str(_NO_ROOM)) from None


def _finished(booth: Booth, held: Held, place: Place, faces: FaceRecord, rules: Rules) -> Defaced | None:
    done = replace(held.pixels or PixelRecord(is_read=False), faces=faces)
    try:
        made = booth.taken(place)
        cleaned = fence.deface(quarantine.read_whole(held.file), made, rules, pixels=done)
    except Rejected as rejected:
        _refuse([held], rejected.code, f"{rejected.reason} {_WHAT_NEXT}")
        return None
    except QuarantineDamaged:
        _refuse([held], "damaged-here", str(_DAMAGED))
        return None
    return Defaced(file=held.file, cleaned=cleaned)


@contextmanager
def _folder(submission: Submission) -> Iterator[Path]:
    """Give a folder that lives as long as one series is worked on; the lease makes this worker its only user."""
    folder: Path = settings.DEFACER_ROOT / str(submission.pk)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove what a killed worker left of deliveries that nobody works on now."""
    if not settings.DEFACER_ROOT.is_dir():
        return
    for folder in settings.DEFACER_ROOT.iterdir():
        if not Submission.objects.filter(pk=folder.name, state=Submission.State.OPENED).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _wait(held: Sequence[Held]) -> None:
    for each in held:
        IncomingFile.objects.filter(pk=each.file.pk, state=State.RECEIVED).update(state=State.WAITING)
        _forget(each)


def _refuse(held: Sequence[Held], code: str, sentence: str) -> None:
    for each in held:
        intake.refuse(each.file, code, sentence)
        _forget(each)


def _forget(held: Held) -> None:
    quarantine.vault().drop(str(held.file.submission_id), held.file.number, Stage.CLEANED)


_WHAT_NEXT = _(
    "The series is kept here, encrypted. Tell the coordinator: the operator of this installation can have it done "
    "again, without sending it again."
)
_NO_PROGRAM = _(
    "The rules of this trial ask that faces be taken out of pictures, and the program that does so is not ready on "
    "this installation. The series was not let through and is kept encrypted. Tell the coordinator: once the operator "
    "has mended the program, it can be done without sending it again."
)
_NO_ROOM = _(
    "There was no room for this series where faces are taken out (CORELAB_DEFACER_FOLDER). It was not let through."
)
_DAMAGED = _("This file was damaged while it was kept here. Send it again.")
