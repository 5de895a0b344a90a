"""Erasures: one person decides and signs, another confirms and signs, and a certificate tells what is gone."""

import json
import logging
from typing import Any

from django.contrib import messages
from django.forms import BaseForm
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.sealing import CannotSeal
from audit.selectors import signature_of
from privacy import selectors
from privacy.models import Erasure, Tombstone
from privacy.rights_forms import ErasureForm, ReasonForm
from privacy.services import erasures
from privacy.services.burials import stays
from privacy.services.certificates import certify
from privacy.views.frame import Page, handed_out
from privacy.views.frame import show as show_page
from reports import store
from reports.authority import AuthorityUnusable
from reports.findings import SealFailed
from trials import access
from trials.ceremony import Ceremony, hold, is_signed
from trials.http import ActorRequest
from trials.models import Subject, Trial
from trials.roles import Act
from trials.views.pages import FormPage, attempt, show_form

_LIST = Page("privacy_erasures.html", "erasure-list")
_ONE = Page("privacy_erasure.html", "erasure-list")
_logger = logging.getLogger("corelab.privacy")


@require_GET
def show_all(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.LEDGER_VIEW)
    context = {
        "erasures": trial.erasures.select_related("subject"),
        "is_over": selectors.is_retention_over(trial),
        "kept_until": selectors.kept_until(trial),
    }
    return show_page(request, trial, _LIST, context)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: ActorRequest, code: str) -> HttpResponse:
    """Ask who, what and why, lead to the signing page, and sign there."""
    trial = access.trial_for(request.actor, code, Act.ERASURE_DECIDE)
    form = ErasureForm(request.POST.dict() if request.method == "POST" else None, trial=trial)
    page = FormPage(
        heading=_("Erase a subject"),
        intro=_(
            "The link to the person goes at once and for good: identity, tokens, originals. Coded data of a trial stay "
            "where a law keeps them (GDPR 17(3)); the next page names the law. Another person has to confirm."
        ),
        submit=_("Show what is signed"),
        back=reverse("erasure-list", args=[trial.code]),
        trial=trial,
    )
    if not form.is_valid():
        return show_form(request, form=form, page=page)
    told = form.cleaned_data
    wish = erasures.Wish(
        level=Erasure.Level(told["level"]), ground=Erasure.Ground(told["ground"]), reason=told["reason"]
    )
    carried = {"subject": told["subject"].code, "level": told["level"], "ground": told["ground"]}
    ceremony = _decision(request, trial, told["subject"], wish, carried | {"reason": told["reason"]})
    return _hold(request, form, page, ceremony)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def destroy_trial(request: ActorRequest, code: str) -> HttpResponse:
    """Decide on the destruction at the end of a trial's retention."""
    trial = access.trial_for(request.actor, code, Act.ERASURE_DECIDE)
    form = ReasonForm(request.POST.dict() if request.method == "POST" else None)
    page = FormPage(
        heading=_("Destroy at the end of retention"),
        intro=_("Every coded image and every link to a person is destroyed. Another person has to confirm."),
        submit=_("Show what is signed"),
        back=reverse("erasure-list", args=[trial.code]),
        trial=trial,
    )
    if not form.is_valid():
        return show_form(request, form=form, page=page)
    reason = form.cleaned_data["reason"]
    wish = erasures.Wish(level=Erasure.Level.EVERYTHING, ground=Erasure.Ground.RETENTION_OVER, reason=reason)
    return _hold(request, form, page, _decision(request, trial, None, wish, {"reason": reason}))


def _hold(request: ActorRequest, form: BaseForm, page: FormPage, ceremony: Ceremony) -> HttpResponse:
    if not is_signed(request) and attempt(form, ceremony.offered) is None:
        return show_form(request, form=form, page=page)
    return hold(request, ceremony, done=lambda erasure: _decided(request, erasure))


def _decision(
    request: ActorRequest, trial: Trial, subject: Subject | None, wish: erasures.Wish, carried: dict[str, str]
) -> Ceremony:
    asked: dict[str, Any] = {"by": request.actor, "trial": trial, "subject": subject, "wish": wish}
    return Ceremony(
        heading=_("Sign the decision to erase"),
        what=_("What is destroyed, on which ground, and what stays by which law."),
        submit=_("Sign the decision"),
        back=reverse("erasure-list", args=[trial.code]),
        offered=lambda: erasures.offer_decision(**asked),
        signed=lambda proof: erasures.decide(**asked, proof=proof),
        trial=trial,
        carried=carried,
        after=_("Nothing is destroyed before another person has confirmed."),
    )


def _decided(request: ActorRequest, erasure: Erasure) -> HttpResponse:
    messages.success(request, _("The decision is signed. Another person has to confirm it now."))
    return redirect("erasure", erasure.trial.code, erasure.pk)


def _erasure(request: ActorRequest, code: str, pk: object) -> Erasure:
    rows = access.visible(request.actor, Erasure.objects.select_related("trial", "subject"))
    return get_object_or_404(rows, trial__code=code, pk=pk)


@require_GET
def show(request: ActorRequest, code: str, pk: object) -> HttpResponse:
    erasure = _erasure(request, code, pk)
    tombstone = Tombstone.objects.filter(pk=erasure.pk).first()
    keys = (erasure.decision_signature_id, erasure.confirmation_signature_id)
    context = {
        "erasure": erasure,
        "signatures": [signature_of(key) for key in keys if key],
        "stays": stays(erasure.level, erasure.ground),
        "tombstone": tombstone,
        "destroyed": json.loads(tombstone.contents)["destroyed"] if tombstone else None,
        "certificate": tombstone.certificates.first() if tombstone else None,
        "is_decider": erasure.decided_by == request.actor.id,
        "drop_form": ReasonForm(),
    }
    return show_page(request, erasure.trial, _ONE, context)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: ActorRequest, code: str, pk: object) -> HttpResponse:
    """Show what would be destroyed, sign, destroy it, and make the certificate."""
    erasure = _erasure(request, code, pk)
    access.require(request.actor, erasures.CONFIRM, erasure)
    ceremony = Ceremony(
        heading=_("Confirm the erasure"),
        what=_("What is destroyed as soon as you sign, what stays, and by which law."),
        submit=_("Sign and destroy"),
        back=reverse("erasure", args=[code, pk]),
        offered=lambda: erasures.offer_confirmation(by=request.actor, erasure=erasure),
        signed=lambda proof: erasures.confirm(by=request.actor, erasure=erasure, proof=proof),
        trial=erasure.trial,
        after=_("This cannot be undone. A restored backup repeats it before anything is served."),
    )
    return hold(request, ceremony, done=lambda tombstone: _confirmed(request, code, tombstone))


def _confirmed(request: ActorRequest, code: str, tombstone: Tombstone) -> HttpResponse:
    messages.success(request, _("The erasure is carried out."))
    _certify(request, tombstone)
    return redirect("erasure", code, tombstone.pk)


def _certify(request: ActorRequest, tombstone: Tombstone) -> None:
    """What is gone is gone: a certificate that cannot be sealed now is made later from the same page."""
    try:
        certify(by=request.actor, tombstone=tombstone)
    except (SealFailed, AuthorityUnusable, CannotSeal):
        _logger.exception("the certificate of erasure %s could not be sealed", tombstone.pk)
        messages.error(request, _("The certificate could not be sealed. Tell the operator, then make it again here."))


@require_POST
def drop(request: ActorRequest, code: str, pk: object) -> HttpResponse:
    erasure = _erasure(request, code, pk)
    access.require(request.actor, erasures.CONFIRM, erasure)
    form = ReasonForm(request.POST)
    if attempt(form, lambda: erasures.drop(by=request.actor, erasure=erasure, reason=form.cleaned_data["reason"])):
        messages.success(request, _("The decision is dropped. Nothing was destroyed."))
    else:
        for error in (*form.non_field_errors(), *form.errors.get("reason", ())):
            messages.error(request, str(error))
    return redirect("erasure", code, pk)


@require_http_methods(["GET", "HEAD", "POST"])
def certificate(request: ActorRequest, code: str, pk: object) -> HttpResponse:
    """Hand out the sealed certificate; POST makes it where sealing had failed."""
    erasure = _erasure(request, code, pk)
    access.require(request.actor, Act.LEDGER_VIEW, erasure)
    tombstone = get_object_or_404(Tombstone, pk=erasure.pk)
    if request.method == "POST":
        if not tombstone.certificates.exists():
            _certify(request, tombstone)
        return redirect("erasure", code, pk)
    made = tombstone.certificates.first()
    if made is None:
        raise Http404
    try:
        pdf = store.load(made.pdf_sha256)
    except store.DamagedReportError:
        messages.error(request, _("The stored certificate lost its hash. Bring the file back from a backup."))
        return redirect("erasure", code, pk)
    return handed_out(pdf, name=f"erasure-{erasure.pk}.pdf", kind="application/pdf")
