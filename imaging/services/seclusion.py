"""Taking a subject's images out of the archive into the encrypted quarantine; two people may destroy them (W6)."""

from collections.abc import Iterator

from celery import current_app
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor, machine
from audit.context import acting, because
from audit.services import record
from imaging import archive, quarantine
from imaging.models import Instance, SecludedInstance, Seclusion, SeclusionDecision
from imaging.vault import PART_SIZE
from trials import access
from trials.models import Subject
from trials.roles import Act

State = Seclusion.State
Side = SeclusionDecision.Side


def begin(*, by: Actor, subject: Subject, reason: str) -> Seclusion:
    """Begin in the caller's transaction, which closed every gate; the worker moves the bytes right after it."""
    row = Seclusion.objects.create(
        subject=subject,
        wrapped_key=quarantine.vault().new_wrapped_key(),
        reason=reason,
        begun_at=timezone.now(),
        begun_by=by.id,
    )
    after = {"images": instances_of(subject).count()}
    record(by=by, act="images.secluded", obj=row, trial_code=_code(row), after=after, reason=reason)
    # By name: services never import tasks.
    transaction.on_commit(lambda: current_app.send_task("imaging.tasks.seclude", args=[str(row.pk)]))
    return row


def instances_of(subject: Subject) -> QuerySet[Instance]:
    return Instance.every.filter(series__study__time_point__subject=subject)


def _code(row: Seclusion) -> str:
    return row.subject.trial_site.trial.code


def standing() -> list[str]:
    """Ids of those that a lost broker or a killed worker left half done."""
    return [str(pk) for pk in Seclusion.objects.filter(state=State.MOVING).values_list("pk", flat=True)]


def move(seclusion_id: str) -> None:
    """Seal every image anew and remove it from the archive; safe to repeat, whole once the state says held."""
    row = Seclusion.objects.select_related("subject__trial_site__trial").get(pk=seclusion_id)
    by = machine("worker", source="worker", request_id=f"seclusion-{row.pk}", on_behalf_of=row.begun_by)
    with acting(by):
        for number, instance in enumerate(instances_of(row.subject).order_by("pk")):
            if row.state == State.MOVING:
                _seclude(row, instance, number)
        Seclusion.objects.filter(pk=row.pk, state=State.MOVING).update(state=State.HELD)


def _seclude(row: Seclusion, instance: Instance, number: int) -> None:
    if not SecludedInstance.objects.filter(instance=instance).exists():
        parts = list(_seal(row, archive.load(instance.sha256), number))
        SecludedInstance.objects.create(
            seclusion=row, instance=instance, number=number, sha256=instance.sha256, size=sum(parts), parts=parts
        )
    # Sealed and recorded first: whatever kills the worker here, the bytes are somewhere.
    others = Instance.every.filter(sha256=instance.sha256, secluded__isnull=True)
    if not others.exists():
        archive.remove(instance.sha256)


def _seal(row: Seclusion, data: bytes, number: int) -> Iterator[int]:
    for part, start in enumerate(range(0, len(data), PART_SIZE)):
        piece = data[start : start + PART_SIZE]
        sealed = quarantine.vault().seal(
            submission=str(row.pk), number=number, part=part, data=piece, wrapped_key=bytes(row.wrapped_key)
        )
        yield sealed.size


@transaction.atomic
def decide_destruction(*, by: Actor, seclusion: Seclusion, reason: str) -> Seclusion:
    """Want the images destroyed; where the other side does already, they are, and their hashes stay.

    Sponsor and data protection officer decide, each once and as two people. Raises ValidationError: `no-reason`,
    `one-person`, `wrong-state` while images are being moved, once destroyed, or where this side decided already.
    """
    by = access.require(by, Act.DESTRUCTION_DECIDE, seclusion)
    row = (
        Seclusion.objects.select_for_update(of=("self",))
        .select_related("subject__trial_site__trial")
        .get(pk=seclusion.pk)
    )
    _refuse_decision(by, row, reason)
    SeclusionDecision.objects.create(
        seclusion=row, side=Side(by.role), reason=reason, decided_at=timezone.now(), decided_by=by.id
    )
    record(by=by, act="images.destruction_decided", obj=row, trial_code=_code(row), reason=reason)
    if row.decisions.count() == len(Side):
        _destroy(by, row, reason)
    return row


def _refuse_decision(by: Actor, row: Seclusion, reason: str) -> None:
    if not reason.strip():
        raise ValidationError(_("Say why they are destroyed."), code="no-reason")
    if row.state != State.HELD or row.decisions.filter(side=by.role).exists():
        raise ValidationError(_("These images do not wait for this decision. Nothing was done."), code="wrong-state")
    if row.decisions.filter(decided_by=by.id).exists():
        raise ValidationError(_("You decided already, in another role. Another person must."), code="one-person")


def is_held(subject: Subject) -> bool:
    """Whether images of the subject lie out of analysis, where sponsor and data protection officer decide on them."""
    return Seclusion.objects.filter(subject=subject).exclude(state=State.DESTROYED).exists()


def destroy_all(*, by: Actor, subject: Subject, reason: str) -> None:
    """Destroy what lies out of analysis, in the caller's transaction: nothing outlives the end of retention."""
    for row in Seclusion.objects.filter(subject=subject).exclude(state=State.DESTROYED):
        _destroy(by, row, reason)


def _destroy(by: Actor, row: Seclusion, reason: str) -> None:
    with because(reason):
        Seclusion.objects.filter(pk=row.pk).update(state=State.DESTROYED, wrapped_key=b"")
    row.refresh_from_db()
    after = {"images": row.images.count()}
    record(by=by, act="images.destroyed", obj=row, trial_code=_code(row), after=after, reason=reason)
    transaction.on_commit(lambda: quarantine.vault().destroy(str(row.pk)))
