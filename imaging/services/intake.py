"""Opening a delivery: archives into files, hashes, and whether all of it is one person, the right one."""

import hashlib
from collections.abc import Collection, Iterator

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import record
from deid import IdentityTokens, Rejected, group_persons
from imaging import fence, quarantine
from imaging.models import IncomingFile, Submission
from imaging.qc import IdentityMatch
from imaging.services import road
from imaging.services.asking import go_on
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
from trials.keys import trial_key
from trials.models import Subject

# Members of archive n are numbered from here on, so that doing it again writes the same places.
_ROOM = 100_000
State = IncomingFile.State


def open_files(by: Actor, submission: Submission) -> None:
    """Stage RECEIVED → OPENED. Raises ValidationError where the delivery as a whole must stop."""
    for file in submission.files.filter(state=State.RECEIVED, inside__isnull=True):
        _look_at(file)
        go_on(submission)
    tokens = _one_person(submission)
    match = compare(_subject(submission), tokens)
    refuse_another(match)
    with transaction.atomic():
        Submission.objects.filter(pk=submission.pk).update(
            patient_id_token=tokens.patient_id, person_token=tokens.person, identity=match
        )
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


def _one_person(submission: Submission) -> IdentityTokens:
    """The tokens of the one person whom all files name. Raises ValidationError where they name several."""
    named = set(_tokens(submission))
    if len(group_persons(named)) > 1:
        raise ValidationError(
            _(
                "This delivery holds images of more than one person, or of one person under names and numbers that do "
                "not meet in any file. Nothing was filed; all is kept encrypted. Send each subject's scan on its own, "
                "then discard this delivery."
            ),
            code="several-persons",
        )
    return agreed(named)


def agreed(named: Collection[IdentityTokens]) -> IdentityTokens:
    """Return the tokens that all files agree in; one that they spell in several ways is left out."""
    return IdentityTokens(
        patient_id=_only({tokens.patient_id for tokens in named}), person=_only({tokens.person for tokens in named})
    )


def _tokens(submission: Submission) -> Iterator[IdentityTokens]:
    key = trial_key(submission.trial_site.trial)
    for file in submission.files.filter(state=State.RECEIVED):
        try:
            yield fence.identify(quarantine.read_whole(file), key=key)
        except Rejected as rejected:
            refuse(file, rejected.code, rejected.reason)
        go_on(submission)


def _only(tokens: set[str]) -> str:
    """The one token told; empty where there is none, or where a second spelling leaves it open."""
    told = tokens - {""}
    return next(iter(told)) if len(told) == 1 else ""


def compare(subject: Subject, tokens: IdentityTokens) -> IdentityMatch:
    """Answer “same person?” from keyed tokens, by the subject's own and by those of the trial's others.

    What contradicts all that the subject's own scans told is refused, whoever it is; what does not, but is known under
    another subject, is one person registered twice or the wrong subject's first scan: a person decides.
    """
    pairs = ((subject.patient_id_token, tokens.patient_id), (subject.person_token, tokens.person))
    answers = [known == told for known, told in pairs if known and told]
    if answers and not any(answers):
        return IdentityMatch.DIFFERS
    if _known_elsewhere(subject, tokens):
        return IdentityMatch.OTHER_SUBJECT
    if not answers:
        is_first = not (subject.patient_id_token or subject.person_token) and (tokens.patient_id or tokens.person)
        return IdentityMatch.FIRST if is_first else IdentityMatch.NOT_COMPARABLE
    return IdentityMatch.SAME if all(answers) else IdentityMatch.DIFFERS_IN_ONE


def _known_elsewhere(subject: Subject, tokens: IdentityTokens) -> bool:
    others = Subject.objects.filter(trial_site__trial=subject.trial_site.trial_id).exclude(pk=subject.pk)
    # A number is a hospital's own: the same one elsewhere is somebody else's.
    here = Q(trial_site=subject.trial_site_id)
    same_id = here & Q(patient_id_token=tokens.patient_id) if tokens.patient_id else Q(pk__in=())
    same_person = Q(person_token=tokens.person) if tokens.person else Q(pk__in=())
    return others.filter(same_id | same_person).exists()


def refuse_another(match: IdentityMatch) -> None:
    """Raise ValidationError (`another-person`) where nothing agrees with the subject's earlier scans."""
    if match is IdentityMatch.DIFFERS:
        raise ValidationError(
            _(
                "These images are of another person than the earlier scans of this subject. They were not filed and "
                "are kept encrypted. Check the subject code, then discard this delivery and send the right scan."
            ),
            code="another-person",
        )
