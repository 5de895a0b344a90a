"""Errors of the API as RFC 9457 problem+json: a sentence for a person, and the request id."""

import datetime as dt
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404
from django.urls import ResolverMatch
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response

from audit.actor import ACCOUNT, Actor
from audit.services import Thing, has_lately, record
from trials.access import EditRefused
from trials.http import status_of

_FOREIGN = "access.not_found"
# A scanner of a million ids leaves as many events as there are kinds of addresses.
_QUIET = dt.timedelta(hours=1)
_LOOKING = frozenset({"GET", "HEAD", "OPTIONS"})


def problem_response(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Return the answer to an error that the API expects; None leaves the others to the 500 page."""
    request = context["request"]
    tell_refusal(error, actor=getattr(request, "actor", None), method=str(request.method), page=_page(request))
    known = _as_api_error(error)
    if known is None:
        return None
    request_id: str = getattr(context["request"], "request_id", "")
    body = {
        "type": "about:blank",
        "title": HTTPStatus(known.status_code).phrase,
        "status": known.status_code,
        "detail": " ".join(_sentences(known.detail)),
        "request_id": request_id,
    }
    return Response(body, status=known.status_code, headers=_headers(known), content_type="application/problem+json")


def tell_refusal(error: Exception, *, actor: Actor | None, method: str, page: ResolverMatch | None) -> None:
    """Write that a person was refused what they asked to be done; the transaction of the act is gone by now.

    An edit of closed data is told whatever way it was tried (C09); a right that is lacking, where something was to be
    done and not only looked at; something foreign, or guessed, once an hour for each person and kind of address.
    """
    if isinstance(error, EditRefused):
        _tell(act="edit.refused", **error.attempt)
    elif isinstance(error, PermissionDenied) and actor is not None and page is not None and method not in _LOOKING:
        by = actor.acting_as(actor.role or ACCOUNT)
        name = str(page.url_name)
        # Whoever may not see the trial was told 404 before this.
        trial_code = str(page.kwargs.get("code", "")) if page.route.startswith("trials/<slug:code>/") else ""
        _tell(by=by, act="access.refused", obj=Thing(kind="page", key=name, name=name), trial_code=trial_code)
    elif isinstance(error, Http404) and actor is not None and page is not None:
        _tell_foreign(actor, str(page.url_name))


def _tell_foreign(actor: Actor, name: str) -> None:
    """Write that somebody asked for what is not there for them, without what: a guess may be somebody's identity.

    It belongs to no trial, since the guess may have hit none.
    """
    page = Thing(kind="page", key=name, name=name)
    if not has_lately(actor, _FOREIGN, page, within=_QUIET):
        _tell(by=actor.acting_as(actor.role or ACCOUNT), act=_FOREIGN, obj=page)


def _tell(**told: Any) -> None:
    with transaction.atomic():
        record(**told)


def _page(request: Any) -> ResolverMatch | None:
    page: ResolverMatch | None = getattr(request, "resolver_match", None)
    return page


def _as_api_error(error: Exception) -> exceptions.APIException | None:
    if isinstance(error, exceptions.APIException):
        return error
    if isinstance(error, Http404):
        return exceptions.NotFound(_("There is nothing here that your roles reach. Check the address."))
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied(str(error) or None)
    if isinstance(error, ValidationError):
        refused = exceptions.ValidationError(error.messages)
        refused.status_code = status_of(error)
        return refused
    return None


def _sentences(detail: Any) -> list[str]:
    if isinstance(detail, dict):
        return [f"{name}: {text}" for name, part in detail.items() for text in _sentences(part)]
    if isinstance(detail, list):
        return [text for part in detail for text in _sentences(part)]
    return [str(detail)]


def _headers(error: exceptions.APIException) -> dict[str, str]:
    wait = getattr(error, "wait", None)
    return {"Retry-After": str(int(wait))} if wait else {}
