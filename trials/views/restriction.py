"""Pages of the stop on use (GDPR 18), and of scans that may still come after a withdrawal."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from trials import access
from trials.agreement_forms import RestrictForm
from trials.forms import ReasonForm
from trials.http import ActorRequest
from trials.models import Restriction, Subject, TimePoint
from trials.roles import Act
from trials.services import collection, consent, restriction
from trials.views.pages import FormPage, attempt, show_form, typed


def restrict(request: ActorRequest, code: str) -> HttpResponse:
    """Restrict the use of a subject's data, or lift that; the page offers whichever is open."""
    subject = access.visible_subject(request.actor, code)
    access.require(request.actor, Act.SUBJECT_RESTRICT, subject)
    is_restricted = consent.is_restricted(subject)
    form = ReasonForm(typed(request)) if is_restricted else RestrictForm(typed(request))
    if attempt(form, lambda: _restrict(request, subject, form, is_restricted=is_restricted)):
        messages.success(request, _("It is in force now."))
        return redirect("subject", subject.code)
    return show_form(request, form=form, page=_restriction_page(subject, is_restricted=is_restricted))


def _restrict(request: ActorRequest, subject: Subject, form: ReasonForm, *, is_restricted: bool) -> Restriction:
    told = form.cleaned_data
    if is_restricted:
        return restriction.lift(by=request.actor, subject=subject, reason=told["reason"])
    ground = Restriction.Ground(told["ground"])
    return restriction.restrict(by=request.actor, subject=subject, ground=ground, reason=told["reason"])


def _restriction_page(subject: Subject, *, is_restricted: bool) -> FormPage:
    stop = _(
        "Nothing of this subject is assigned, read, computed or given out any more. What is stored stays, and scans "
        "are still taken and stored."
    )
    lifted = _("Tell the person before you lift it (GDPR 18(3)). Then everything goes on as consent allows.")
    heading = _("Lift the restriction of %(code)s") if is_restricted else _("Restrict the use of %(code)s")
    return FormPage(
        heading=heading % {"code": subject.code},
        intro=lifted if is_restricted else stop,
        submit=_("Lift the restriction") if is_restricted else _("Restrict"),
        back=reverse("subject", args=[subject.code]),
        trial=subject.trial_site.trial,
    )


def allow_collection(request: ActorRequest, pk: int) -> HttpResponse:
    """Confirm that the scan of one time point may come although the subject withdrew."""
    rows = TimePoint.objects.select_related("subject__trial_site__trial", "subject__trial_site__site", "scheduled")
    time_point = get_object_or_404(access.visible(request.actor, rows), pk=pk)
    access.require(request.actor, Act.SUBMISSION_SEND, time_point)
    subject, form = time_point.subject, ReasonForm(typed(request))
    if attempt(
        form, lambda: collection.allow(by=request.actor, time_point=time_point, reason=form.cleaned_data["reason"])
    ):
        messages.success(request, _("The scan of this time point may come now."))
        return redirect("subject", subject.code)
    page = FormPage(
        heading=_("A scan of %(code)s after the withdrawal") % {"code": str(time_point)},
        intro=_(
            "W2: confirm that the scan was made in routine care. W3 to W5: confirm for the investigator that it was "
            "acquired before the withdrawal; an image that says another day is not filed. Write who confirms it."
        ),
        submit=_("Confirm"),
        back=reverse("subject", args=[subject.code]),
        trial=subject.trial_site.trial,
    )
    return show_form(request, form=form, page=page)
