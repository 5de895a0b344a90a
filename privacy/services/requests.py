"""Recording what a subject asks for, and answering it within a month (GDPR 12(3))."""

import datetime as dt

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.context import because
from audit.services import record
from privacy import clocks
from privacy.models import Request, RequestExtension
from trials import access, refusals
from trials.models import Subject
from trials.models.subjects import FIRST_DAY
from trials.roles import Act

State = Request.State
# GDPR 12(3): by two further months where necessary.
FURTHER_MONTHS = (1, 2)


@refusals.told("privacy.refused")
@transaction.atomic
def receive(*, by: Actor, subject: Subject, kind: Request.Kind, received_on: dt.date) -> Request:
    """Write a request down; the clock has run since it came, whoever forgot it meanwhile.

    An opt-out, an objection and a wish to restrict stop secondary use from here on, before anybody answers.
    Raises ValidationError: `future`, `too-old`, `open` where the same is asked for already.
    """
    by = access.require(by, Act.REQUEST_HANDLE, subject)
    _refuse_day(received_on)
    if subject.requests.filter(kind=kind, state=State.OPEN).exists():
        raise ValidationError(
            _("The same request of this subject is open already. Answer that one; nothing was recorded."), code="open"
        )
    request = Request.objects.create(
        subject=subject,
        kind=kind,
        received_on=received_on,
        due_on=clocks.answer_due(received_on),
        recorded_by=by.id,
        recorded_at=timezone.now(),
    )
    after = {"kind": kind, "received_on": received_on, "due_on": request.due_on}
    record(by=by, act="request.recorded", obj=request, trial_code=_trial_code(request), after=after)
    return request


def _refuse_day(day: dt.date) -> None:
    if day > timezone.localdate():
        raise ValidationError({"received_on": ValidationError(_("That day has not come yet."), code="future")})
    if day < FIRST_DAY:
        raise ValidationError({"received_on": ValidationError(_("No request is so old."), code="too-old")})


@refusals.told("privacy.refused")
@transaction.atomic
def answer(*, by: Actor, request: Request, state: Request.State, words: str) -> Request:
    """Close a request with what the subject was told; a refusal names its ground (GDPR 12(4)).

    Raises ValidationError: `no-answer`, `wrong-state` where it is answered already.
    """
    by = access.require(by, Act.REQUEST_HANDLE, request)
    request = Request.objects.select_for_update(of=("self",)).select_related("subject").get(pk=request.pk)
    if request.state != State.OPEN:
        raise ValidationError(
            _("This request is answered already. Nothing was changed; record a new one."), code="wrong-state"
        )
    if state == State.OPEN or not words.strip():
        raise ValidationError(_("Say what the subject was told. Nothing was changed."), code="no-answer")
    request.state, request.answer = state, words.strip()
    request.answered_at, request.answered_by = timezone.now(), by.id
    request.save(update_fields=["state", "answer", "answered_at", "answered_by"])
    after = {"state": state, "answer": request.answer}
    record(by=by, act="request.answered", obj=request, trial_code=_trial_code(request), after=after)
    return request


@refusals.told("privacy.refused")
@transaction.atomic
def extend(*, by: Actor, request: Request, months: int, reason: str, told_on: dt.date) -> RequestExtension:
    """Take one or two further months for a complex request; the person was told why within the first (GDPR 12(3)).

    Raises ValidationError: `no-reason`, `months`, `wrong-state` where it is answered or was extended already, `late`
    where the first month is over, `told` where the person was not told between receipt, its end and today.
    """
    by = access.require(by, Act.REQUEST_HANDLE, request)
    held = Request.objects.select_for_update(of=("self",)).select_related("subject").get(pk=request.pk)
    _refuse_extension(held, months, reason, told_on)
    due_on = clocks.extended_due(held.received_on, months)
    made = RequestExtension.objects.create(
        request=held,
        months=months,
        reason=reason.strip(),
        told_on=told_on,
        due_before=held.due_on,
        due_on=due_on,
        by=by.id,
        at=timezone.now(),
    )
    before, held.due_on = {"due_on": held.due_on}, due_on
    with because(made.reason):
        held.save(update_fields=["due_on"])
    after = {"due_on": due_on, "months": months, "told_on": told_on}
    code = _trial_code(held)
    record(by=by, act="request.extended", obj=held, trial_code=code, before=before, after=after, reason=made.reason)
    return made


def _refuse_extension(request: Request, months: int, reason: str, told_on: dt.date) -> None:
    if request.state != State.OPEN or RequestExtension.objects.filter(request=request).exists():
        raise ValidationError(
            _("This request is answered, or was extended already; it is extended once. Nothing was changed."),
            code="wrong-state",
        )
    if not reason.strip():
        raise ValidationError(_("Say why a month is not enough. Nothing was changed."), code="no-reason")
    if months not in FURTHER_MONTHS:
        raise ValidationError(_("One or two further months are lawful, no more."), code="months")
    if timezone.localdate() > request.due_on:
        raise ValidationError(
            _("The first month is over, so it is too late to extend. Answer without delay; nothing was changed."),
            code="late",
        )
    if not request.received_on <= told_on <= timezone.localdate():
        raise ValidationError(
            _("Tell the person first, with the reasons, then record the day here. Nothing was changed."), code="told"
        )


def _trial_code(request: Request) -> str:
    return str(request.subject.trial_site.trial.code)
