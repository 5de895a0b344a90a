"""Looking at filed scans, for the people who check them; readers have their own page."""

import hashlib
import re
from http import HTTPStatus

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse, HttpResponseNotModified
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from imaging.frames import FrameRefused, Preset
from imaging.models import Damage, Instance, Series
from imaging.selectors import DERIVED, instances_of
from imaging.services.showing import ImageGone, show
from trials import access
from trials.agreement import Gate
from trials.http import ActorRequest
from trials.services import consent


def _series(request: ActorRequest, pk: int) -> Series:
    rows = Series.objects.select_related(
        "study__time_point__subject__trial_site__trial", "study__time_point__scheduled"
    )
    found = get_object_or_404(access.visible(request.actor, rows), pk=pk)
    try:
        consent.require(found.study.time_point.subject, Gate.READ)
    except ValidationError as refusal:
        raise PermissionDenied(" ".join(refusal.messages)) from None
    return found


def frame_of(instances: list[Instance], index: int) -> tuple[Instance, int]:
    """The instance and its own frame (from 1) at place `index` (from 0) of a series. Raises Http404 past the end."""
    for instance in instances:
        frames = max(int(instance.facts.get("frames") or 1), 1)
        if index < frames:
            return instance, index + 1
        index -= frames
    raise Http404


def count_frames(instances: list[Instance]) -> int:
    return sum(max(int(instance.facts.get("frames") or 1), 1) for instance in instances)


@require_GET
def series(request: ActorRequest, pk: int) -> HttpResponse:
    """Show one slice at a time; without JavaScript the links still walk through."""
    shown = _series(request, pk)
    total = count_frames(instances_of(shown)) if shown.modality not in DERIVED else 0
    index = _asked_slice(request, total)
    context = {
        "series": shown,
        "time_point": shown.study.time_point,
        "trial": shown.study.time_point.subject.trial_site.trial,
        "damages": Damage.objects.filter(instance__series=shown, mended_at__isnull=True).count(),
        "total": total,
        "last": max(total - 1, 0),
        "index": index,
        "presets": list(Preset),
        "window": _preset(request),
    }
    return render(request, "series.html", context)


def _asked_slice(request: ActorRequest, total: int) -> int:
    asked = request.GET.get("slice", "")
    # Six digits: no series is longer, and a longer number is no slice.
    return min(int(asked), max(total - 1, 0)) if re.fullmatch(r"[0-9]{1,6}", asked) else total // 2


def _preset(request: ActorRequest) -> Preset | None:
    asked = request.GET.get("window", "")
    return Preset(asked) if asked in set(Preset) else None


@require_GET
def series_frame(request: ActorRequest, pk: int, index: int) -> HttpResponse:
    """One slice as PNG, rendered here from the archived bytes; rights are asked anew for a cached one, too."""
    instance, frame = frame_of(instances_of(_series(request, pk)), index)
    window = _preset(request)
    told = f"{request.user.pk}|{instance.sha256}|{frame}|{window}"
    headers = {"Cache-Control": "private, no-cache", "ETag": f'"{hashlib.sha256(told.encode()).hexdigest()[:32]}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return HttpResponseNotModified(headers=headers)
    try:
        picture = show(instance.sha256, frame=frame, window=window)
    except FrameRefused as refused:
        return HttpResponse(refused.sentence, status=422, content_type="text/plain; charset=utf-8")
    except ImageGone as gone:
        return HttpResponse(gone.sentence, status=HTTPStatus.GONE, content_type="text/plain; charset=utf-8")
    return HttpResponse(picture.png, content_type="image/png", headers=headers)
