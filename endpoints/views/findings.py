"""The acts on the findings of a draft; each answers with the fragment to a script and with the page without one."""

from collections.abc import Callable
from uuid import UUID

from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from endpoints.forms import FindingForm, LabelForm, LesionForm
from endpoints.models import Lesion, Read
from endpoints.selectors.cases import series_places
from endpoints.services import lesions
from endpoints.views.desk import findings_context, lesion_kinds, own_read
from trials.http import ActorRequest


@require_POST
def add_lesion(request: ActorRequest, pk: UUID) -> HttpResponse:
    read = own_read(request, pk)
    form = LesionForm(request.POST, kinds=lesion_kinds(read))
    return _act(request, read, form, lambda: lesions.add_lesion(by=request.actor, read=read, new=form.new()))


@require_POST
def remove_lesion(request: ActorRequest, pk: UUID) -> HttpResponse:
    read = own_read(request, pk)
    form = LabelForm(request.POST)
    return _act(
        request,
        read,
        form,
        lambda: lesions.remove_lesion(by=request.actor, read=read, lesion=_named(read, form)),
    )


@require_POST
def measure(request: ActorRequest, pk: UUID) -> HttpResponse:
    read = own_read(request, pk)
    form = FindingForm(request.POST)
    return _act(
        request,
        read,
        form,
        lambda: lesions.measure(by=request.actor, read=read, lesion=_named(read, form), finding=form.finding()),
    )


def _named(read: Read, form: LabelForm) -> Lesion:
    own = Lesion.objects.filter(subject=read.assignment.time_point.subject_id, reader=read.assignment.reader_id)
    return get_object_or_404(own, label=form.cleaned_data["lesion"])


def _act(request: ActorRequest, read: Read, form: Form, call: Callable[[], object]) -> HttpResponse:
    error = _attempt(form, call)
    read.refresh_from_db(fields=["state"])
    if not error and not request.headers.get("hx-request"):
        return redirect("read", read.assignment_id)
    add_form = form if error and isinstance(form, LesionForm) else None
    places = series_places(read.assignment.time_point)
    context = findings_context(read, places=places, add_form=add_form, error=error)
    if request.headers.get("hx-request"):
        return render(request, "_read_findings.html", context)
    return render(request, "read_findings.html", context, status=400)


def _attempt(form: Form, call: Callable[[], object]) -> ValidationError | None:
    if not form.is_valid():
        return ValidationError([message for errors in form.errors.values() for message in errors])
    try:
        call()
    except ValidationError as refusal:
        return refusal
    return None
