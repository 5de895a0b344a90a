"""STOW-RS: the door for machines that speak DICOMweb, each with a token of its site (PS3.18 10.5)."""

import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from audit.actor import Actor
from audit.context import acting
from audit.english import in_english
from deid import read_tokens
from imaging import progress
from imaging.dicomweb.answers import Outcome, store_response
from imaging.dicomweb.multipart import Malformed, Parts, media_type, require_boundary
from imaging.models import StowDelivery
from imaging.services import doors, expecting, refusing
from imaging.services.stow import Item, Reason, Reception
from trials.models import SiteToken, TimePoint
from trials.services import tokens

MAXIMUM_PARTS = 10_000
DICOM, RELATED, JSON = "application/dicom", "multipart/related", "application/dicom+json"
_TRUE = frozenset({"1", "yes", "true"})


class Refused(Exception):
    """The request as a whole is refused: nothing of it was kept."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whoever showed a token that is in force."""

    by: Actor
    token: SiteToken


@csrf_exempt
@login_not_required
@never_cache
@require_POST
@in_english
def store(request: HttpRequest, study: str = "") -> HttpResponse:
    """Take the objects of a multipart body; 202 once those that are named as taken are durable.

    In English: a machine asks, and what is refused stands in the trail.
    """
    try:
        caller = _caller(request)
    except Refused as refused:
        return problem(request, refused.status, refused.sentence)
    with acting(caller.by):
        try:
            return _answer(request, _receive(request, caller, study))
        except Refused as refused:
            refusing.tell(by=caller.by, trial_site=caller.token.trial_site, reasons={refused.sentence: 0})
            return problem(request, refused.status, refused.sentence)


@login_not_required
@never_cache
@require_GET
def status(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Tell the machine that sent a delivery what became of it."""
    try:
        caller = _caller(request)
    except Refused as refused:
        return problem(request, refused.status, refused.sentence)
    with acting(caller.by):
        rows = StowDelivery.objects.filter(token=caller.token).select_related("submission")
        found = rows.filter(submission=pk).first()
        if found is None:
            return problem(request, HTTPStatus.NOT_FOUND, _("This token sent no such delivery. Check the address."))
        return JsonResponse(progress.describe(found.submission))


@login_not_required
@never_cache
@require_GET
def expected(request: HttpRequest) -> HttpResponse:
    """Tell a sender what the charter expects for a time point of its site; 409 where no scan would be taken now.

    `equip=1` asks for the subject's common key with it, by which a gateway tells whose scan it cleaned.
    """
    try:
        caller = _caller(request)
        with acting(caller.by):
            time_point = _named_time_point(request, caller.token, unknown=HTTPStatus.NOT_FOUND)
            wants_key = request.GET.get("equip", "").lower() in _TRUE
            told = expecting.equip(by=caller.by, time_point=time_point) if wants_key else expecting.expected(time_point)
            return JsonResponse(told)
    except Refused as refused:
        return problem(request, refused.status, refused.sentence)
    except ValidationError as refusal:
        return problem(request, HTTPStatus.CONFLICT, " ".join(refusal.messages))


def _caller(request: HttpRequest) -> Caller:
    request_id = getattr(request, "request_id", "") or uuid.uuid4().hex
    word, _space, secret = request.headers.get("authorization", "").partition(" ")
    token = tokens.holder_of(secret.strip(), request_id=request_id) if word.lower() == "bearer" else None
    if token is None:
        raise Refused(
            HTTPStatus.UNAUTHORIZED,
            _("Show a token in force as Authorization: Bearer. Nothing was taken; ask the coordinator for one."),
        )
    by = tokens.actor_of(token, request_id=request_id)
    with acting(by):
        if not doors.is_open(token.trial_site):
            raise Refused(HTTPStatus.FORBIDDEN, _("This trial or site does not take scans now. Nothing was taken."))
    return Caller(by=by, token=token)


def _receive(request: HttpRequest, caller: Caller, study: str) -> Reception:
    boundary = _boundary(request)
    time_point = _time_point(request, caller.token)
    person = _person(request, time_point)
    reception = Reception(by=caller.by, token=caller.token, time_point=time_point, study=study, person=person)
    try:
        _take_parts(reception, Parts(request.read, boundary=boundary))
        reception.finish(is_last=request.GET.get("complete", "").lower() in _TRUE)
    except Malformed as malformed:
        reception.abandon()
        raise Refused(
            HTTPStatus.BAD_REQUEST, malformed.sentence + " " + _("Nothing of this request was kept.")
        ) from None
    except Refused:
        reception.abandon()
        raise
    if not reception.items:
        raise Refused(HTTPStatus.BAD_REQUEST, _("There was no object in this request."))
    return reception


def _take_parts(reception: Reception, parts: Parts) -> None:
    for count, part in enumerate(parts, start=1):
        if count > MAXIMUM_PARTS:
            sentence = _("One request may carry up to %(most)d objects. Nothing of it was kept; divide it.")
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence % {"most": MAXIMUM_PARTS})
        if media_type(part.head.get("content-type", "")).name == DICOM:
            reception.take(part.body)
        else:
            reception.refuse(_("This part is not said to be application/dicom. Nothing of it was kept."))


def _boundary(request: HttpRequest) -> bytes:
    kind = media_type(request.headers.get("content-type", ""))
    if kind.name != RELATED or kind.parameters.get("type", DICOM).lower() != DICOM:
        sentence = _('Send multipart/related; type="application/dicom". Nothing was taken.')
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, sentence)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        sentence = _("A compressed body is not taken. Send it as it is; nothing was taken.")
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, sentence)
    try:
        return require_boundary(kind)
    except Malformed as malformed:
        raise Refused(HTTPStatus.BAD_REQUEST, malformed.sentence) from None


def _time_point(request: HttpRequest, token: SiteToken) -> TimePoint | None:
    """Return the time point that the sender names by subject and time point; None where it names none."""
    if not any(_codes(request)):
        return None
    return _named_time_point(request, token, unknown=HTTPStatus.BAD_REQUEST)


def _person(request: HttpRequest, time_point: TimePoint | None) -> str:
    """Return what a gateway tells of the person whose scans it cleaned; "" where the files themselves tell it."""
    told = request.headers.get("corelab-person", "").strip()
    try:
        person = read_tokens(told).written if told else ""
    except ValueError:
        raise Refused(HTTPStatus.BAD_REQUEST, _("Corelab-Person holds no tokens. Nothing was taken.")) from None
    if person and time_point is None:
        sentence = _("Name subject and time point with Corelab-Person. Nothing was taken.")
        raise Refused(HTTPStatus.BAD_REQUEST, sentence)
    return person


def _codes(request: HttpRequest) -> tuple[str, str]:
    return _named(request, "subject", "corelab-subject"), _named(request, "timepoint", "corelab-time-point")


def _named_time_point(request: HttpRequest, token: SiteToken, *, unknown: HTTPStatus) -> TimePoint:
    """Raises Refused with the status `unknown` where the token's site has no such time point."""
    subject, code = _codes(request)
    rows = TimePoint.objects.select_related("subject__trial_site__trial", "scheduled")
    found = rows.filter(subject__trial_site=token.trial_site_id, subject__code=subject, scheduled__code=code).first()
    if found is None:
        sentence = _("Your site has no such subject and time point in this trial. Check both codes; nothing was taken.")
        raise Refused(unknown, sentence)
    return found


def _named(request: HttpRequest, parameter: str, header: str) -> str:
    told = request.GET.get(parameter) or request.headers.get(header, "")
    # PostgreSQL takes no NUL in a text, not even to look for it.
    return told.strip().replace("\0", "")


def _answer(request: HttpRequest, reception: Reception) -> HttpResponse:
    items = reception.items
    body = store_response(_outcome(item) for item in items)
    response = JsonResponse(body, status=_status(items), content_type=JSON)
    addresses = [reverse("stow-status", args=[one.submission_id]) for one in reception.deliveries()]
    links = [f'<{request.build_absolute_uri(address)}>; rel="status"' for address in addresses]
    if links:
        response["Link"] = ", ".join(links)
    sentences = dict.fromkeys(item.sentence for item in items if item.reason is not None)
    if sentences:
        words = quote(" ".join(list(sentences)[:3]), safe=" ,.;:()/-'?")
        response["Warning"] = f'299 corelab "{words}"'
    return response


def _outcome(item: Item) -> Outcome:
    return Outcome(
        sop_class_uid=item.head.sop_class_uid if item.head else "",
        sop_instance_uid=item.head.sop_instance_uid if item.head else "",
        reason=item.reason,
        comment=item.sentence,
    )


def _status(items: list[Item]) -> HTTPStatus:
    """202 where anything was taken; else what kept all of it out."""
    if any(item.reason is None for item in items):
        return HTTPStatus.ACCEPTED
    if all(item.reason is Reason.OUT_OF_RESOURCES and item.code == "too-large" for item in items):
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if any(item.reason is Reason.OUT_OF_RESOURCES for item in items):
        return HTTPStatus.INSUFFICIENT_STORAGE
    return HTTPStatus.CONFLICT


def problem(request: HttpRequest, status: HTTPStatus, sentence: str) -> HttpResponse:
    """Return a refusal as problem+json (RFC 9457)."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status,
        "detail": sentence,
        "request_id": getattr(request, "request_id", ""),
    }
    headers = {"WWW-Authenticate": 'Bearer realm="corelab"'} if status == HTTPStatus.UNAUTHORIZED else {}
    return JsonResponse(body, status=status, content_type="application/problem+json", headers=headers)
