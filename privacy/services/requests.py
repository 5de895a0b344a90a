"""Recording what a subject asks for, and answering it within a month (GDPR 12(3))."""

import datetime as dt

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import record
from privacy import clocks
from privacy.models import Request
from trials import access
from trials.models import Subject
from trials.models.subjects import FIRST_DAY
from trials.roles import Act

State = Request.State


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


def _trial_code(request: Request) -> str:
    return str(request.subject.trial_site.trial.code)
