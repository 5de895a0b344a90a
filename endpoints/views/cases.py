"""A reader's worklist, opening a case, reading it and signing."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from endpoints.forms import LockForm
from endpoints.models import Assignment, Read
from endpoints.selectors.cases import earlier
from endpoints.services import reads
from endpoints.views.desk import own_case, own_read, show_desk
from trials import access
from trials.http import ActorRequest
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
    own = access.within(request.actor, Assignment.objects.all(), act=Act.READ_PERFORM)
    cases = own.select_related("time_point__subject__trial_site__trial", "read").order_by("case_code", "position")
    rows = [_row(case) for case in cases]
    return render(request, "worklist.html", {"drafts": [row for row in rows if _is_draft(row)], "rows": rows})


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
    case = own_case(request, pk)
    try:
        reads.open_read(by=request.actor, assignment=case)
    except ValidationError as refusal:
        messages.error(request, " ".join(refusal.messages))
        return redirect("worklist")
    return redirect("read", pk)


@require_GET
def read(request: ActorRequest, pk: UUID) -> HttpResponse:
    return show_desk(request, own_read(request, pk))


@require_POST
def lock(request: ActorRequest, pk: UUID) -> HttpResponse:
    draft = own_read(request, pk)
    form = LockForm(request.POST)
    locked = attempt(
        form,
        lambda: reads.lock(
            by=request.actor,
            read=draft,
            password=form.cleaned_data["password"],
            comment=form.cleaned_data["comment"],
            seen=form.cleaned_data["seen"],
        ),
    )
    if locked is None:
        draft.refresh_from_db()
        return show_desk(request, draft, lock_form=form)
    messages.success(request, _("The read is signed and locked."))
    return redirect("read", pk)
