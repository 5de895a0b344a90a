"""Reading an identity: one person asks, another agrees, both sign; then one hour in one session, every read told.

Design 3b.5, ISO 25237:2017 clause 7 (controlled re-identification).
"""

import datetime as dt
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit import clock
from audit import services as audit
from audit.actor import Actor
from audit.context import require_reason, widened
from audit.meanings import Meaning
from audit.selectors import signature_of
from audit.signing import Offer, Proof, offer, sha256_of, sign, signing, still_stands
from identity import box
from identity.models import UnlockWindow
from identity.person import Person
from identity.refusals import guarded, refusal, tell
from identity.services import records
from identity.switch import ALIAS
from trials import access
from trials.models import Subject
from trials.roles import Act

WINDOW = dt.timedelta(hours=1)
# Whoever agrees must still know what it is about.
REQUEST_STANDS = dt.timedelta(hours=24)
ASKS = (Meaning.RESPONSIBILITY,)
AGREES = (Meaning.APPROVAL,)


def offer_request(*, by: Actor, subject: Subject, reason: str) -> Offer:
    """Return what a request would sign. Raises as `request` does before the signature."""
    by = access.require(by, Act.IDENTITY_UNLOCK, subject)
    return offer(by=by, obj=subject, contents=_requested(by, subject, reason), meanings=ASKS)


@guarded
@signing
def request(*, by: Actor, subject: Subject, reason: str, session: str, proof: Proof) -> UnlockWindow:
    """Ask, with a signature, to read an identity in this session; nothing opens until another person agrees.

    `session` is the SHA-256 (hex) of the session's key. Raises ValidationError (`no-reason`), VaultRefused (`unknown`,
    `erased`) and SignatureRefused as `audit.signing.sign`.
    """
    by = access.require(by, Act.IDENTITY_UNLOCK, subject)
    contents, trial = _requested(by, subject, reason), subject.trial_site.trial
    sign(by=by, proof=proof, obj=subject, contents=contents, meanings=ASKS, trial_code=trial.code)
    with transaction.atomic(using=ALIAS):
        window = UnlockWindow.objects.create(
            trial_code=trial.code,
            subject_code=subject.code,
            reason=reason,
            requester_id=by.id,
            requester_name=by.name,
            session=session,
            requested_at=timezone.now(),
        )
        _tell(by, "identity.requested", subject, window, reason)
    return window


def _requested(by: Actor, subject: Subject, reason: str) -> dict[str, Any]:
    require_reason(reason)
    records.find(subject)
    return {
        "asks": "to read the identity of a subject",
        "trial": subject.trial_site.trial.code,
        "subject": subject.code,
        "by": f"{by.name} ({by.id})",
        "reason": reason,
        "opens_for": _words(WINDOW),
    }


def _words(time: dt.timedelta) -> str:
    return f"{time // dt.timedelta(minutes=1)} minutes"


def _tell(by: Actor, act: str, subject: Subject, window: UnlockWindow, reason: str = "") -> None:
    code = subject.trial_site.trial.code
    audit.record(by=by, act=act, obj=subject, trial_code=code, after={"window": str(window.pk)}, reason=reason)


def find(*, by: Actor, pk: UUID) -> UnlockWindow:
    """Return a window of a subject whose unlocking is the actor's business.

    Raises Http404 where there is none or the subject is foreign, and PermissionDenied where only the right is lacking;
    a foreign one leaves an event.
    """
    window = UnlockWindow.objects.filter(pk=pk).first()
    if window is None:
        raise Http404
    subject = subject_of(window)
    if access.may(by, Act.IDENTITY_UNLOCK, subject) is None:
        tell(by=by, obj=window, trial_code=window.trial_code, cause="foreign")
    access.require(by, Act.IDENTITY_UNLOCK, subject)
    return window


@widened("that a foreign window was tried is told of its subject, before it is refused")
def subject_of(window: UnlockWindow) -> Subject:
    return Subject.objects.select_related("trial_site__trial", "trial_site__site").get(code=window.subject_code)


def offer_approval(*, by: Actor, window: UnlockWindow) -> Offer:
    """Return what an agreement would sign. Raises as `approve` does before the signature."""
    by = access.require(by, Act.IDENTITY_UNLOCK, subject_of(window))
    _refuse_approval(by, window)
    return offer(by=by, obj=window, contents=_agreed(window), meanings=AGREES)


@guarded
@signing
def approve(*, by: Actor, window: UnlockWindow, proof: Proof) -> UnlockWindow:
    """Agree, with a signature, to what another asked: the window opens now, for WINDOW.

    Raises VaultRefused: `one-person`, `wrong-state`, `too-old`, `erased`, and SignatureRefused as `sign`.
    """
    subject = subject_of(window)
    by = access.require(by, Act.IDENTITY_UNLOCK, subject)
    with transaction.atomic(using=ALIAS):
        # Held until it is written: of two who agree at once, the second finds it open.
        window = UnlockWindow.objects.select_for_update().get(pk=window.pk)
        _refuse_approval(by, window)
        signature = sign(
            by=by, proof=proof, obj=window, contents=_agreed(window), meanings=AGREES, trial_code=window.trial_code
        )
        window.approver_id, window.approver_name = by.id, by.name
        window.signature_id, window.approved_at, window.ends_at = signature.pk, signature.at, signature.at + WINDOW
        window.save()
        _tell(by, "identity.unlocked", subject, window)
    return window


def _refuse_approval(by: Actor, window: UnlockWindow) -> None:
    if by.id == window.requester_id:
        raise refusal("one-person", _("Two people unlock an identity. Ask another one to agree; nothing was opened."))
    if window.approved_at or window.closed_at:
        raise refusal("wrong-state", _("This request does not wait any more: it was agreed to or closed."))
    if timezone.now() - window.requested_at > REQUEST_STANDS:
        raise refusal("too-old", _("This request is older than a day. Nothing was opened: it must be made anew."))
    records.find(subject_of(window))


def _agreed(window: UnlockWindow) -> dict[str, Any]:
    return {
        "agrees": "that a person reads the identity of a subject",
        "window": str(window.pk),
        "trial": window.trial_code,
        "subject": window.subject_code,
        "reader": f"{window.requester_name} ({window.requester_id})",
        "session": window.session,
        "requested_at": window.requested_at.isoformat(),
        "reason": window.reason,
        "opens_for": _words(WINDOW),
    }


@guarded
@transaction.atomic
def close(*, by: Actor, window: UnlockWindow) -> None:
    """End a request or an open window at once. Raises VaultRefused (`wrong-state`) where it has ended already."""
    subject = subject_of(window)
    by = access.require(by, Act.IDENTITY_UNLOCK, subject)
    with transaction.atomic(using=ALIAS):
        waiting = UnlockWindow.objects.filter(pk=window.pk, closed_at__isnull=True)
        if not waiting.update(closed_at=timezone.now(), closed_by=by.id):
            raise refusal("wrong-state", _("This window is closed already."))
        _tell(by, "identity.closed", subject, window)


@guarded
@transaction.atomic
def reveal(*, by: Actor, window: UnlockWindow, session: str) -> Person:
    """Return who the subject is; the read is told before anybody sees it.

    Raises VaultRefused: `not-yours`, `other-session`, `not-open`, `expired`, `closed`, `unsigned`, `clock`, `unknown`,
    `erased`, `key`, `damaged`.
    """
    subject = subject_of(window)
    by = access.require(by, Act.IDENTITY_UNLOCK, subject)
    with transaction.atomic(using=ALIAS):
        window = UnlockWindow.objects.select_for_update().get(pk=window.pk)
        refuse_reading(by, window, session)
        masters = box.hold()
        identity = records.find(subject)
        person = box.person_in(identity, key=box.data_key(masters, identity.subject_key))
        UnlockWindow.objects.filter(pk=window.pk).update(reads=F("reads") + 1)
        _tell(by, "identity.read", subject, window)
    return person


def refuse_reading(by: Actor, window: UnlockWindow, session: str) -> None:
    """Raise VaultRefused where this person, in this session, may not read through this window now."""
    if by.id != window.requester_id:
        raise refusal("not-yours", _("This window was opened for somebody else. Ask for one of your own."))
    if session != window.session:
        raise refusal("other-session", _("This window belongs to another session. Nothing was shown: ask again here."))
    if window.closed_at:
        raise refusal("closed", _("This window is closed. Nothing was shown: ask again if you still need it."))
    if window.ends_at is None:
        raise refusal("not-open", _("Nobody has agreed to this request yet. Nothing was shown."))
    if timezone.now() >= window.ends_at:
        raise refusal("expired", _("The hour of this window is over. Nothing was shown: ask again if need be."))
    _refuse_forged(window)


def _refuse_forged(window: UnlockWindow) -> None:
    """Whoever writes to the vault's database alone opens nothing: the approval stands signed in the other one."""
    signature = signature_of(window.signature_id) if window.signature_id else None
    stands = still_stands(signature, obj=window, sha256=sha256_of(_agreed(window)))
    if signature is None or not stands or window.ends_at != signature.at + WINDOW:
        raise refusal("unsigned", _("The agreement to this window is not the one that was signed. Nothing was shown."))
    if clock.is_unsafe():
        raise refusal(
            "clock", _("The clocks of this installation disagree: no hour can be measured. Nothing was shown.")
        )
