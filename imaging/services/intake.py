"""Opening a delivery: archives into files, hashes, and whether all of it is one person, the right one."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import record
from deid import IdentityTokens, Rejected, group_tokens
from imaging import fence, quarantine
from imaging.claims import read_claim
from imaging.models import IncomingFile, Submission
from imaging.qc import IdentityMatch
from imaging.services import road
from imaging.services.asking import go_on
from imaging.services.forgetting import forget_claims
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
from trials.keys import cleaning_key, trial_key
from trials.models import Subject, Trial

# Members of archive n are numbered from here on, so that doing it again writes the same places.
_ROOM = 100_000
State = IncomingFile.State
NOBODY = IdentityTokens(patient_id="", person="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Whom a file names: under the trial's key, where the server saw the original, and under the subject's own."""

    shared: IdentityTokens = field(default=NOBODY)
    own: IdentityTokens = field(default=NOBODY)

    @property
    def all(self) -> set[str]:
        return {self.shared.patient_id, self.shared.person, self.own.patient_id, self.own.person}


def open_files(by: Actor, submission: Submission) -> None:
    """Stage RECEIVED → OPENED. Raises ValidationError where the delivery as a whole must stop."""
    for file in submission.files.filter(state=State.RECEIVED, inside__isnull=True):
        _look_at(file)
        go_on(submission)
    told = _one_person(submission)
    match = compare(_subject(submission), told.shared, own=told.own)
    refuse_another(match)
    with transaction.atomic():
        Submission.objects.filter(pk=submission.pk).update(
            patient_id_token=told.shared.patient_id,
            person_token=told.shared.person,
            own_patient_id_token=told.own.patient_id,
            own_person_token=told.own.person,
            identity=match,
        )
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
    return Told(shared=agreed({each.shared for each in named}), own=agreed({each.own for each in named}))


def agreed(named: Collection[IdentityTokens]) -> IdentityTokens:
    """Return the tokens that all files agree in; one that they spell in several ways is left out."""
    return IdentityTokens(
        patient_id=_only({tokens.patient_id for tokens in named}), person=_only({tokens.person for tokens in named})
    )


def _tokens(submission: Submission) -> set[Told]:
    keys, named = _keys(submission), set()
    for file in submission.files.filter(state=State.RECEIVED):
        try:
            named.add(_told(file, keys))
        except Rejected as rejected:
            refuse(file, rejected.code, rejected.reason)
        go_on(submission)
    return named


def _keys(submission: Submission) -> list[bytes]:
    """The trial's key, and where subjects have keys of their own, that of the subject."""
    trial, subject = submission.trial_site.trial, _subject(submission)
    has_own = trial.key_scheme == Trial.KeyScheme.PER_SUBJECT
    return [trial_key(trial), *([cleaning_key(trial, subject_code=subject.code)] if has_own else [])]


def _told(file: IncomingFile, keys: list[bytes]) -> Told:
    """Whom one file names: its own header says, or of one that was cleaned before, the browser that did it."""
    if file.claim is not None:
        return Told(own=read_claim(file.claim).tokens)
    shared, *own = fence.identify(quarantine.read_whole(file), keys=keys)
    return Told(shared=shared, own=own[0] if own else NOBODY)


def _only(tokens: set[str]) -> str:
    """The one token told; empty where there is none, or where a second spelling leaves it open."""
    told = tokens - {""}
    return next(iter(told)) if len(told) == 1 else ""


def compare(subject: Subject, tokens: IdentityTokens, *, own: IdentityTokens = NOBODY) -> IdentityMatch:
    """Answer “same person?” from keyed tokens, by the subject's own and by those of the trial's others.

    `own` are those under the subject's key: all that files tell which the site's browser cleaned.

    What contradicts all that the subject's own scans told is refused, whoever it is; what does not, but is known under
    another subject, is one person registered twice or the wrong subject's first scan: a person decides.
    """
    known, known_own = known_of(subject)
    numbers = (known.patient_id, tokens.patient_id), (known_own.patient_id, own.patient_id)
    persons = (known.person, tokens.person), (known_own.person, own.person)
    answers = [answer for pairs in (numbers, persons) if (answer := _agree(pairs)) is not None]
    if answers and not any(answers):
        return IdentityMatch.DIFFERS
    if _known_elsewhere(subject, tokens):
        return IdentityMatch.OTHER_SUBJECT
    if not answers:
        is_first = {known, known_own} == {NOBODY} and {tokens, own} != {NOBODY}
        return IdentityMatch.FIRST if is_first else IdentityMatch.NOT_COMPARABLE
    return IdentityMatch.SAME if all(answers) else IdentityMatch.DIFFERS_IN_ONE


def known_of(subject: Subject) -> tuple[IdentityTokens, IdentityTokens]:
    """The tokens of a subject's earlier scans, under the trial's key and under its own."""
    return (
        IdentityTokens(patient_id=subject.patient_id_token, person=subject.person_token),
        IdentityTokens(patient_id=subject.own_patient_id_token, person=subject.own_person_token),
    )


def _agree(pairs: Collection[tuple[str, str]]) -> bool | None:
    """Whether known and told are the same under a key by which both are there; None where there is no such key."""
    return next((known == told for known, told in pairs if known and told), None)


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
