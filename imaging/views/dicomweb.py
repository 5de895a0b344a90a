"""QIDO-RS and WADO-RS (PS3.18 10.4, 10.6) over a shelf: the archive of a trial here, a blinded case elsewhere."""

import itertools
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from http import HTTPStatus

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from imaging.archive import ArchiveDamaged
from imaging.dicomweb import documents, media
from imaging.dicomweb.multipart import compose, new_boundary
from imaging.dicomweb.questions import BadQuestion, answer, read_question
from imaging.dicomweb.resources import SEARCHES, Kind, Resource, read_resource
from imaging.dicomweb.shelf import Held, Shelf
from imaging.fence import copies
from imaging.frames import FrameRefused
from imaging.services.retrieval import TrialShelf
from imaging.views.stow import JSON, problem
from trials import access
from trials.http import ActorRequest
from trials.roles import Act

_logger = logging.getLogger("corelab.dicomweb")
_Body = Iterable[tuple[Mapping[str, str], bytes | memoryview]]


@require_GET
def trial(request: ActorRequest, code: str, path: str) -> HttpResponse | StreamingHttpResponse:
    """Answer for the archive of one trial, to roles that see its scans."""
    shown = access.trial_for(request.actor, code, Act.SCAN_VIEW)
    by = access.require_in(request.actor, Act.SCAN_VIEW, shown)
    return serve(request, TrialShelf(by=by, trial=shown), path)


def serve(request: HttpRequest, shelf: Shelf, path: str) -> HttpResponse | StreamingHttpResponse:
    """Answer what the address asks of the shelf; refusals are problem+json. Raises Http404 and PermissionDenied."""
    resource = read_resource(path)
    if resource is None:
        raise Http404
    try:
        response = _search(request, shelf, resource) if resource.kind in SEARCHES else _take(request, shelf, resource)
    except BadQuestion as bad:
        return problem(request, HTTPStatus.BAD_REQUEST, bad.sentence)
    except media.NotAcceptable:
        sentence = _("None of the representations that Accept names is offered for this. See the conformance page.")
        return problem(request, HTTPStatus.NOT_ACCEPTABLE, sentence)
    except FrameRefused as refused:
        return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, refused.sentence)
    except ArchiveDamaged as damage:
        # An erased image is no fault of ours, a lost one is: the operator is told of both.
        _logger.error("%s", damage)  # noqa: TRY400  a hash and a sentence, no trace
        sentence = _("An image is no longer in the archive: it was erased, or the archive is damaged.")
        return problem(request, HTTPStatus.GONE, sentence)
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _base(request: HttpRequest) -> str:
    """The address that everything stands below; a trial may be called as the word in it."""
    match = request.resolver_match
    below = match.kwargs["path"] if match else ""
    return request.build_absolute_uri(request.path.removesuffix(f"/{below}"))


def _search(request: HttpRequest, shelf: Shelf, resource: Resource) -> HttpResponse:
    if not media.wants_json(request.headers.get("accept", "")):
        raise media.NotAcceptable
    question = read_question(dict(request.GET.lists()), level=resource.kind)
    found = shelf.search(resource, question)
    rows = [answer(row, level=resource.kind, extras=question.extras) for row in found.rows]
    for row, values in zip(rows, found.rows, strict=True):
        row["00081190"] = {"vr": "UR", "Value": [_address(_base(request), values, resource.kind)]}
    response = JsonResponse(rows, safe=False, content_type=JSON)
    if found.has_more:
        response["Warning"] = '299 corelab "There are more results; ask with offset and limit for the rest."'
    return response


def _address(base: str, values: Mapping[str, object], level: Kind) -> str:
    steps = (("studies", "StudyInstanceUID"), ("series", "SeriesInstanceUID"), ("instances", "SOPInstanceUID"))
    depth = (Kind.STUDIES, Kind.SERIES, Kind.INSTANCES).index(level) + 1
    return "/".join([base, *(f"{word}/{values[name]}" for word, name in steps[:depth])])


# A withdrawal is in force within 5 s, also on a download that takes longer.
ASKED_AGAIN_SECONDS = 1.0


class _Asking:
    """Lets a long answer go on as long as it may: rights and consent are asked anew between two of its objects."""

    def __init__(self, shelf: Shelf, resource: Resource) -> None:
        self._shelf, self._resource, self._asked = shelf, resource, time.monotonic()

    def read(self, held: Held) -> bytes:
        if time.monotonic() - self._asked >= ASKED_AGAIN_SECONDS:
            self._shelf.require_open(self._resource)
            self._asked = time.monotonic()
        return held.read()


def _take(request: HttpRequest, shelf: Shelf, resource: Resource) -> HttpResponse | StreamingHttpResponse:
    asking = _Asking(shelf, resource)
    objects = [replace(one, read=partial(asking.read, one)) for one in shelf.objects(resource)]
    ways: dict[Kind, Callable[..., HttpResponse | StreamingHttpResponse]] = {
        Kind.OBJECTS: _objects,
        Kind.METADATA: _metadata,
        Kind.FRAMES: _frames,
        Kind.RENDERED: _rendered,
        Kind.BULKDATA: _bulk,
    }
    response = ways[resource.kind](request, resource, objects)
    # Before the first byte goes out, and only for what does.
    shelf.note(resource, objects)
    return response


def _objects(
    request: HttpRequest, _resource: Resource, objects: Sequence[Held]
) -> HttpResponse | StreamingHttpResponse:
    wanted = media.wishes(request.headers.get("accept", ""))
    choices = [media.choose_object(wanted, stored=one.syntax) for one in objects]
    body = (
        ({"Content-Type": media.DICOM}, one.read() if choice.is_stored else copies.decoded(one.read()))
        for one, choice in zip(objects, choices, strict=True)
    )
    return _parts(body, name=media.DICOM, in_parts=choices[0].in_parts, count=len(objects))


def _parts(body: _Body, *, name: str, in_parts: bool, count: int) -> HttpResponse | StreamingHttpResponse:
    if not in_parts:
        if count != 1:
            raise media.NotAcceptable
        ((head, data),) = body
        return HttpResponse(data, content_type=head["Content-Type"])
    # The first is made now, so that what cannot be given is refused with a status.
    made = iter(body)
    first = next(made)
    boundary = new_boundary()
    kind = f'multipart/related; type="{name}"; boundary="{boundary}"'
    return StreamingHttpResponse(compose(itertools.chain([first], made), boundary=boundary), content_type=kind)


def _metadata(request: HttpRequest, _resource: Resource, objects: Sequence[Held]) -> HttpResponse:
    if not media.wants_json(request.headers.get("accept", "")):
        raise media.NotAcceptable
    base = _base(request)
    told = [
        copies.metadata(one.read(), address=f"{base}/studies/{one.study}/series/{one.series}/instances/{one.instance}")
        for one in objects
    ]
    return JsonResponse(told, safe=False, content_type=JSON)


def _frames(request: HttpRequest, resource: Resource, objects: Sequence[Held]) -> HttpResponse | StreamingHttpResponse:
    (held,) = objects
    choice = media.choose_frame(media.wishes(request.headers.get("accept", "")), stored=held.syntax)
    frames = copies.frames(held.read(), resource.frames, is_stored=choice.is_stored)
    syntax = held.syntax if choice.is_stored and held.syntax in media.OF_SYNTAX else media.EXPLICIT
    head = {"Content-Type": f"{choice.name}; transfer-syntax={syntax}"}
    body = ((head, frame) for frame in frames)
    return _parts(body, name=choice.name, in_parts=choice.in_parts, count=len(frames))


def _rendered(request: HttpRequest, resource: Resource, objects: Sequence[Held]) -> HttpResponse:
    (held,) = objects
    kind = media.choose_picture(request.headers.get("accept", ""))
    if len(resource.frames) > 1:
        raise media.NotAcceptable
    window = documents.read_window(request.GET.get("window", ""))
    frame = resource.frames[0] if resource.frames else 1
    return HttpResponse(copies.picture(held.read(), frame=frame, window=window, kind=kind), content_type=kind)


def _bulk(request: HttpRequest, resource: Resource, objects: Sequence[Held]) -> HttpResponse | StreamingHttpResponse:
    (held,) = objects
    wish = next(
        (one for one in media.wishes(request.headers.get("accept", "")) if one.name in {media.OCTETS, media.ANY}), None
    )
    if wish is None:
        raise media.NotAcceptable
    data = copies.bulk(held.read(), resource.tag)
    if data is None:
        raise Http404
    return _parts([({"Content-Type": media.OCTETS}, data)], name=media.OCTETS, in_parts=wish.in_parts, count=1)
