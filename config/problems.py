"""Errors of the API as RFC 9457 problem+json: a sentence for a person, and the request id."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response

from trials.http import status_of


def problem_response(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Return the answer to an error that the API expects; None leaves the others to the 500 page."""
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
