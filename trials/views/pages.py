"""The page that is one form, and how a service's refusal becomes words on it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from trials.http import status_of
from trials.models import Trial

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FormPage:
    """What stands around the form; `back` is the address that cancels."""

    heading: str
    intro: str
    submit: str
    back: str
    trial: Trial | None = None


def typed(request: HttpRequest) -> QueryDict | None:
    """Return what a form was sent with; None where the page is only opened."""
    return request.POST if request.method == "POST" else None


def attempt(form: BaseForm, call: Callable[[], T]) -> T | None:
    """Return what the service gave, or None with its refusal (or the form's own) told by `form`."""
    if not form.is_valid():
        return None
    try:
        return call()
    except ValidationError as refusal:
        tell(form, refusal)
        return None


def tell(form: BaseForm, refusal: ValidationError) -> None:
    """Put each error beside its field, and those of fields the form does not show above it."""
    if not hasattr(refusal, "error_dict"):
        form.add_error(None, refusal)
        return
    for name, errors in refusal.error_dict.items():
        shown = name != NON_FIELD_ERRORS and name in form.fields
        form.add_error(name if shown else None, errors)


def status_of_form(form: BaseForm) -> int:
    """Return what a page with this form answers: 200 unasked, else the weightiest `status_of` of what was refused."""
    refusals = [refusal for each in form.errors.as_data().values() for refusal in each]
    return max((status_of(one) for one in refusals), default=400) if form.is_bound else 200


def show_form(request: HttpRequest, *, form: BaseForm, page: FormPage) -> HttpResponse:
    context = {"form": form, "page": page, "trial": page.trial}
    return render(request, "trial_form.html", context, status=status_of_form(form))
