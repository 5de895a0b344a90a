"""Opening a delivery: archives into files, hashes, and whether all of it is one person, the right one."""

import hashlib

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import record
from deid import IdentityTokens, Rejected, agreed, group_tokens, read_tokens
from imaging import fence, quarantine
from imaging.claims import read_claim
from imaging.models import IncomingFile, StowDelivery, Submission
from imaging.services import road
from imaging.services.asking import go_on
from imaging.services.forgetting import forget_claims
from imaging.services.recognition import NOBODY, Told, acquaint, compare, of_gateway, refuse_another
from imaging.unpacking import (
    ArchiveRefused,
    MemberRefused,
    Plan,
    RefusedMember,
    is_archive,
    is_file_set_directory,
    members,
    plan,
)
from imaging.vault import QuarantineDamaged, Stage
from trials.keys import cleaning_key, common_key, trial_key
from trials.models import Subject, Trial

# Members of archive n are numbered from here on, so that doing it again writes the same places.
_ROOM = 100_000
State = IncomingFile.State


def open_files(by: Actor, submission: Submission) -> None:
    """Stage RECEIVED → OPENED. Raises ValidationError where the delivery as a whole must stop."""
    for file in submission.files.filter(state=State.RECEIVED, inside__isnull=True):
        _look_at(file)
        go_on(submission)
    told = _one_person(submission)
    match = compare(_subject(submission), told)
    refuse_another(match)
    with transaction.atomic():
        Submission.objects.filter(pk=submission.pk).update(**told.columns, identity=match)
        # The delivery tells it as a whole now.
        forget_claims(Submission.objects.filter(pk=submission.pk))
        road.move(submission, expected=Submission.State.RECEIVED, to=Submission.State.OPENED)
        counts: dict[str, int] = {
            str(state): submission.files.filter(state=state).count() for state in (State.RECEIVED, State.REFUSED)
        }
        record(
            by=by,
            act="delivery.opened",
            obj=submission,
            trial_code=submission.trial_site.trial.code,
            after=counts,
        )


def _subject(submission: Submission) -> Subject:
    if submission.time_point is None:
        raise ValidationError(_("Nobody has named the subject of this delivery."), code="unassigned")
    return submission.time_point.subject


def _look_at(file: IncomingFile) -> None:
    try:
        with quarantine.reader(file) as sealed:
            head = sealed.read(512)
    except QuarantineDamaged:
        refuse(file, "damaged-here", str(_("This file was damaged while it was kept here. Send it again.")))
        return
    if not head:
        refuse(file, "empty", str(_("This file is empty. Export it again.")))
    elif is_archive(head):
        _expand(file)
    elif is_file_set_directory(head):
        _skip(file)
    elif not file.sha256:
        _hash(file)


def refuse(file: IncomingFile, code: str, sentence: str) -> None:
    """Keep one file in quarantine with its reason; the others go on."""
    file.state, file.refusal_code, file.refusal = State.REFUSED, code, sentence
    # Only where it still waits: a worker that comes late must not undo what another filed.
    waiting = IncomingFile.objects.filter(pk=file.pk, state__in=(State.RECEIVED, State.CLEANED))
    waiting.update(state=State.REFUSED, refusal_code=code, refusal=sentence)


def _skip(file: IncomingFile) -> None:
    """Lay a DICOMDIR aside: it is no image, and what it refers to comes by itself or not at all."""
    IncomingFile.objects.filter(pk=file.pk, state=State.RECEIVED).update(state=State.DISCARDED)
    quarantine.vault().drop(str(file.submission_id), file.number, Stage.RECEIVED)


def _hash(file: IncomingFile) -> None:
    with quarantine.reader(file) as sealed:
        file.sha256 = hashlib.file_digest(sealed, "sha256").hexdigest()
    file.save(update_fields=["sha256"])


def _expand(archive: IncomingFile) -> None:
    with quarantine.reader(archive) as sealed:
        try:
            judged = plan(sealed)
            unpacked = [*_sealed_members(archive, judged), *_refused_members(archive, judged.refused)]
        except ArchiveRefused as refusal:
            refuse(archive, refusal.code, refusal.reason)
            return
    with transaction.atomic():
        IncomingFile.objects.bulk_create(unpacked, ignore_conflicts=True, batch_size=200)
        archive.state = State.EXPANDED
        archive.save(update_fields=["state"])
    quarantine.vault().drop(str(archive.submission_id), archive.number, Stage.RECEIVED)


def _sealed_members(archive: IncomingFile, judged: Plan) -> list[IncomingFile]:
    made = []
    for member in members(judged):
        file = _member_file(archive, member.index, member.size)
        try:
            data = member.read()
        except MemberRefused as refusal:
            made.extend(_refused_members(archive, (refusal.member,)))
            continue
        if is_file_set_directory(data):
            continue
        file.parts = quarantine.seal_whole(file, data, stage=Stage.RECEIVED)
        file.sha256 = hashlib.sha256(data).hexdigest()
        made.append(file)
        go_on(archive.submission)
    return made


def _refused_members(archive: IncomingFile, refused: tuple[RefusedMember, ...]) -> list[IncomingFile]:
    made = []
    for member in refused:
        file = _member_file(archive, member.index, 0)
        file.state, file.refusal_code, file.refusal = State.REFUSED, member.code, member.reason
        made.append(file)
    return made


def _member_file(archive: IncomingFile, index: int, size: int) -> IncomingFile:
    number = (archive.number + 1) * _ROOM + index
    return IncomingFile(submission=archive.submission, number=number, inside=archive.number, size=size)


def _one_person(submission: Submission) -> Told:
    """The tokens of the one person whom all files name. Raises ValidationError where they name several."""
    named = _tokens(submission)
    if len(group_tokens(each.all for each in named)) > 1:
        raise ValidationError(
            _(
                "This delivery holds images of more than one person, or of one person under names and numbers that do "
                "not meet in any file. Nothing was filed; all is kept encrypted. Send each subject's scan on its own, "
                "then discard this delivery."
            ),
            code="several-persons",
        )
    told = Told(
        common=agreed({each.common for each in named}),
        shared=agreed({each.shared for each in named}),
        own=agreed({each.own for each in named}),
    )
    person = _said_by_gateway(submission)
    return told if person is None else of_gateway(_subject(submission), person=person, alias=told)


def _said_by_gateway(submission: Submission) -> IdentityTokens | None:
    """The tokens that a gateway told beside the files that it cleaned; None where the files themselves tell it."""
    said = StowDelivery.objects.filter(submission=submission).exclude(person="").values_list("person", flat=True)
    return next((read_tokens(text) for text in said), None)


def _tokens(submission: Submission) -> set[Told]:
    keys, named = _keys(submission), set[Told]()
    for file in submission.files.filter(state=State.RECEIVED):
        try:
            told = _told(file, keys)
            if told not in named and told.shared != NOBODY:
                acquaint(submission.trial_site, quarantine.read_whole(file), told.shared)
            named.add(told)
        except Rejected as rejected:
            refuse(file, rejected.code, rejected.reason)
        go_on(submission)
    return named


def _keys(submission: Submission) -> list[bytes]:
    """The subject's common key, the trial's, and where subjects are cleaned under keys of their own, that one."""
    trial, subject = submission.trial_site.trial, _subject(submission)
    has_own = trial.key_scheme == Trial.KeyScheme.PER_SUBJECT
    own = [cleaning_key(trial, subject_code=subject.code)] if has_own else []
    return [common_key(subject), trial_key(trial), *own]


def _told(file: IncomingFile, keys: list[bytes]) -> Told:
    """Whom one file names: its own header says, or of one that was cleaned before, the browser that did it."""
    if file.claim is not None:
        claim = read_claim(file.claim)
        return Told(common=claim.common_tokens, own=claim.tokens)
    common, shared, *own = fence.identify(quarantine.read_whole(file), keys=keys)
    return Told(common=common, shared=shared, own=own[0] if own else NOBODY)
