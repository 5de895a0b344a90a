"""The de-identification profile of a charter: read it, write the draft's, try it on an object, take it as a file."""

import json
from collections import Counter
from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from deid import Rejected
from deid.comparison import Comparison, Row
from deid.examples import Example
from deid.options import DATES
from trials import access
from trials.http import ActorRequest
from trials.models import Charter, DeidProfile
from trials.profile_forms import FACES, LookForm, ProfileForm, named, typed
from trials.roles import Act
from trials.selectors import choices_of, exported_profile, policy_of, profile_of
from trials.services import profiles
from trials.views.pages import attempt


def _charter(request: ActorRequest, code: str, version: int, act: Act) -> Charter:
    seen = access.visible(request.actor, Charter.objects.select_related("trial__sponsor"))
    charter = get_object_or_404(seen, trial__code=code, version=version)
    access.require(request.actor, act, charter)
    return charter


@require_http_methods(["GET", "HEAD", "POST"])
def show(request: ActorRequest, code: str, version: int) -> HttpResponse:
    """Show a version's rules; where it is a draft, write them."""
    if request.method != "POST":
        return _page(request, _charter(request, code, version, Act.CHARTER_VIEW))
    charter = _charter(request, code, version, Act.TRIAL_EDIT)
    form = ProfileForm(request.POST)
    if attempt(form, lambda: _write(request, charter, form)):
        messages.success(request, _("The profile is saved. Now try it on an object."))
        return redirect("profile", code, version)
    charter.refresh_from_db()
    # A frozen charter shows no form that could tell its own refusal.
    for error in form.non_field_errors() if charter.state != Charter.State.DRAFT else ():
        messages.error(request, str(error))
    return _page(request, charter, form=form)


def _write(request: ActorRequest, charter: Charter, form: ProfileForm) -> DeidProfile:
    reason = form.cleaned_data["reason"]
    return profiles.write(by=request.actor, charter=charter, choices=form.choices, reason=reason)


def _page(
    request: ActorRequest, charter: Charter, *, form: ProfileForm | None = None, look: LookForm | None = None
) -> HttpResponse:
    may_edit = access.may(request.actor, Act.TRIAL_EDIT, charter)
    choices, is_draft = choices_of(charter), charter.state == Charter.State.DRAFT
    context = {
        "trial": charter.trial,
        "charter": charter,
        "profile": profile_of(charter),
        "policy": policy_of(charter),
        "choices": choices,
        "option_names": [named(option) for option in sorted(choices.options - DATES)],
        "findings": profiles.findings(charter),
        "is_tried": profiles.is_tried(charter),
        "form": form or ProfileForm(initial=typed(choices)) if may_edit and is_draft else None,
        "look": look or LookForm(prefix="look") if may_edit else None,
    }
    return render(request, "profile.html", context, status=400 if form or look else 200)


@dataclass(frozen=True, slots=True)
class Shown:
    """A row of the look, with what came of it in a word and the word's badge."""

    row: Row
    outcome: str
    badge: str


@require_POST
@never_cache
@sensitive_variables()
def try_on(request: ActorRequest, code: str, version: int) -> HttpResponse:
    """Answer with what the rules do to one object. The values live in this answer alone."""
    charter = _charter(request, code, version, Act.TRIAL_EDIT)
    look = LookForm(request.POST, request.FILES, prefix="look")
    if not look.is_valid():
        return _page(request, charter, look=look)
    kind, upload = Example(look.cleaned_data["kind"]), look.upload
    try:
        compared = profiles.try_on(by=request.actor, charter=charter, kind=kind, upload=upload)
    except Rejected as refused:
        look.add_error("file" if upload else "kind", refused.reason)
        return _page(request, charter, look=look)
    except ValidationError as refusal:
        look.add_error(None, refusal)
        return _page(request, charter, look=look)
    return _looked(request, charter, compared, what=_("your file") if upload else kind.value)


@sensitive_variables()
def _looked(request: ActorRequest, charter: Charter, compared: Comparison, *, what: str) -> HttpResponse:
    rows = [_shown(row) for row in compared.rows]
    context = {
        "trial": charter.trial,
        "charter": charter,
        "what": what,
        "rows": rows,
        "counts": Counter(each.outcome for each in rows).items(),
        "is_cut": compared.is_cut,
        "leaves_faces": FACES in choices_of(charter).options,
        "method_codes": compared.cleaned.method_codes,
    }
    return render(request, "profile_look.html", context)


@sensitive_variables()
def _shown(row: Row) -> Shown:
    if row.before is None:
        return Shown(row, _("written"), "info")
    if row.after is None:
        return Shown(row, _("gone"), "bad")
    if row.is_same:
        return Shown(row, _("stays"), "ok")
    return Shown(row, _("changed") if row.after else _("emptied"), "warn")


@require_GET
def download(request: ActorRequest, code: str, version: int) -> HttpResponse:
    """Hand out the rules as the file that `python -m deid --profile` reads."""
    charter = _charter(request, code, version, Act.CHARTER_VIEW)
    told = json.dumps(exported_profile(charter), indent=1, ensure_ascii=False) + "\n"
    name = f"{charter.trial.code}-profile-{charter.version}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(told, content_type="application/json", headers=headers)
