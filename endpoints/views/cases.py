"""A reader's worklist, opening a case, reading it and signing."""

from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from endpoints.forms import LockForm
from endpoints.models import Assignment, Read
from endpoints.selectors.cases import earlier
from endpoints.services import reads
from endpoints.views.desk import own_case, own_read, show_desk
from trials import access
from trials.ceremony import Ceremony, hold, is_signed
from trials.http import ActorRequest, status_of
from trials.roles import Act
from trials.views.pages import attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """One line of the worklist; `is_waiting` while an earlier scan of the case is not locked."""

    case: Assignment
    trial_code: str
    read: Read | None
    is_waiting: bool


@require_GET
def worklist(request: ActorRequest) -> HttpResponse:
    """Show the reader's own cases by code and position; drafts come first."""
    return _worklist(request, status=HTTPStatus.OK)


def _worklist(request: ActorRequest, *, status: HTTPStatus) -> HttpResponse:
    own = access.within(request.actor, Assignment.objects.all(), act=Act.READ_PERFORM)
    cases = own.select_related("time_point__subject__trial_site__trial", "read").order_by("case_code", "position")
    rows = [_row(case) for case in cases]
    context = {"drafts": [row for row in rows if _is_draft(row)], "rows": rows}
    return render(request, "worklist.html", context, status=status)


def _row(case: Assignment) -> CaseRow:
    return CaseRow(
        case=case,
        trial_code=case.time_point.subject.trial_site.trial.code,
        read=getattr(case, "read", None),
        is_waiting=earlier(case).exclude(state=Assignment.State.DONE).exists(),
    )


def _is_draft(row: CaseRow) -> bool:
    return row.read is not None and row.read.state == Read.State.DRAFT


@require_POST
def open_case(request: ActorRequest, pk: UUID) -> HttpResponse:
    """Begin the read and lead to it; where it may not begin now the worklist says why (409 before its turn)."""
    case = own_case(request, pk)
    try:
        reads.open_read(by=request.actor, assignment=case)
    except ValidationError as refusal:
        messages.error(request, " ".join(refusal.messages))
        return _worklist(request, status=status_of(refusal))
    return redirect("read", pk)


@require_GET
def read(request: ActorRequest, pk: UUID) -> HttpResponse:
    own = own_read(request, pk)
    reads.view(by=request.actor, read=own)
    return show_desk(request, own)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def lock(request: ActorRequest, pk: UUID) -> HttpResponse:
    """Lead to the signing page and lock what is signed there; findings that cannot be locked are told at the desk."""
    draft = own_read(request, pk)
    if request.method != "POST":
        # Whoever had to sign in again on the way: the comment is gone, so the desk asks for it once more.
        return redirect("read", pk)
    form = LockForm(request.POST)
    ceremony = _ceremony(request, draft, form)
    # Told here, where the comment that was typed still stands.
    if not is_signed(request) and draft.state == Read.State.DRAFT and attempt(form, ceremony.offered) is None:
        return show_desk(request, draft, lock_form=form)
    return hold(request, ceremony, done=lambda _read: _locked(request, pk))


def _ceremony(request: ActorRequest, draft: Read, form: LockForm) -> Ceremony:
    """Name no trial: its page would tell a blinded reader more than the case."""
    by, told = request.actor, form.cleaned_data if form.is_valid() else {"comment": "", "seen": ""}
    return Ceremony(
        heading=_("Sign and lock"),
        what=_("Your read of %(case)s, scan %(position)s: every finding as it stands, and your comment.")
        % {"case": draft.assignment.case_code, "position": draft.assignment.position},
        submit=_("Sign and lock this read"),
        back=reverse("read", args=[draft.assignment_id]),
        offered=lambda: reads.offer_lock(by=by, read=draft, comment=told["comment"], seen=told["seen"]),
        signed=lambda proof: reads.lock(by=by, read=draft, comment=told["comment"], proof=proof),
        carried=told,
        after=_("A locked read never changes. The next scan of this case opens after it."),
    )


def _locked(request: ActorRequest, pk: UUID) -> HttpResponse:
    messages.success(request, _("The read is signed and locked."))
    return redirect("read", pk)
