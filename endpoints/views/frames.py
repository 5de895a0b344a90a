"""Frames of an opened case as pictures; access and consent are asked for every one, also from a browser's cache."""

import hashlib
from http import HTTPStatus
from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseNotModified
from django.views.decorators.http import require_GET

from endpoints.forms import LAST_POSITION
from endpoints.models import Read
from endpoints.selectors.cases import FramePlace, series_place
from endpoints.views.desk import own_read
from imaging.frames import FrameRefused, Preset
from imaging.services.showing import ImageGone, show
from trials.http import ActorRequest


@require_GET
def frame(request: ActorRequest, pk: UUID, series: int, index: int) -> HttpResponse:
    """Return one frame as PNG at its own matrix; series and frame by position from 0."""
    read = own_read(request, pk)
    place = _find(read, series=series, index=index)
    window = _window(request)
    tag = _tag(read, place, window)
    if request.headers.get("if-none-match") == tag:
        return _dress(HttpResponseNotModified(), tag)
    try:
        shown = show(place.instance.sha256, frame=place.frame, window=window)
    except FrameRefused:
        raise Http404 from None
    except ImageGone as gone:
        return HttpResponse(gone.sentence, status=HTTPStatus.GONE, content_type="text/plain; charset=utf-8")
    return _dress(HttpResponse(shown.png, content_type="image/png"), tag)


def _find(read: Read, *, series: int, index: int) -> FramePlace:
    if series > LAST_POSITION:
        raise Http404
    place = series_place(read.assignment.time_point, position=series)
    if place is None or index >= len(place.frames):
        raise Http404
    return place.frames[index]


def _window(request: ActorRequest) -> Preset | None:
    asked = request.GET.get("window", "")
    return Preset(asked) if asked in set(Preset) else None


def _tag(read: Read, place: FramePlace, window: Preset | None) -> str:
    # The read is part of it, so that a tag cannot be matched with files held elsewhere.
    told = f"{read.pk}|{place.instance.sha256}|{place.frame}|{window}"
    return f'"{hashlib.sha256(told.encode()).hexdigest()[:32]}"'


def _dress(response: HttpResponse, tag: str) -> HttpResponse:
    response["Cache-Control"] = "private, no-cache"
    response["ETag"] = tag
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = "inline"
    return response
