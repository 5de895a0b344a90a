"""Marks whatever an inspector is served, pages and files alike, as their copy (C07)."""

from django.http import HttpRequest, HttpResponse

from config.middleware import Next
from trials import access

HEADER = "Inspection-Copy"


class InspectionMiddleware:
    """Name the copy in a header: sealed documents and frames carry no line of their own and stay what they are."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        actor = getattr(request, "actor", None)
        if actor is not None and (mark := access.inspection_mark(actor)):
            response[HEADER] = mark
        return response
