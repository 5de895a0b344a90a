"""The browser's upload protocol: open a delivery, announce by hashes, send what is missing, complete, watch."""

import re
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers, status
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.actor import Actor
from imaging import progress, quarantine
from imaging.models import Submission
from imaging.services import browser, expecting, manifests, submissions
from imaging.services.manifests import Announced
from imaging.services.pieces import Piece
from imaging.vault import PART_SIZE
from trials import access
from trials.models import TimePoint
from trials.roles import Act

ANNOUNCED_AT_ONCE = 1000
_FIELD = re.compile(r"([0-9]{1,5})\.([0-9]{1,4})")


class CompleteSerializer(serializers.Serializer[Any]):
    files = serializers.IntegerField(min_value=0, max_value=quarantine.MAXIMUM_FILES)
    size = serializers.IntegerField(min_value=0, max_value=submissions.MAXIMUM_BYTES)


class StartSerializer(CompleteSerializer):
    """What will come, as far as it is known: a full share is told before anything is sent."""

    time_point = serializers.IntegerField(min_value=1)
    files = serializers.IntegerField(min_value=0, max_value=quarantine.MAXIMUM_FILES, default=0)
    size = serializers.IntegerField(min_value=0, max_value=submissions.MAXIMUM_BYTES, default=0)


class AnnouncedSerializer(serializers.Serializer[Any]):
    size = serializers.IntegerField(min_value=0, max_value=submissions.MAXIMUM_BYTES)
    parts = serializers.ListField(child=serializers.CharField(max_length=64), max_length=2000)
    claim = serializers.JSONField(default=None, allow_null=True)


class ManifestSerializer(serializers.Serializer[Any]):
    files = serializers.ListField(child=AnnouncedSerializer(), max_length=ANNOUNCED_AT_ONCE)


class DeliveryView(APIView):
    """What the views of one delivery share."""

    def actor(self) -> Actor:
        actor: Actor = self.request._request.actor  # type: ignore[attr-defined]  # noqa: SLF001  DRF wraps Django's request
        return actor

    def delivery(self, pk: UUID) -> Submission:
        rows = access.visible(self.actor(), Submission.objects.select_related("trial_site__trial"))
        return get_object_or_404(rows, pk=pk)


class DeliveryListView(DeliveryView):
    parser_classes = [JSONParser]

    def post(self, request: Request) -> Response:
        """Open a delivery for a time point; answers its id and the size of a piece in bytes."""
        asked = StartSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        rows = access.visible(self.actor(), TimePoint.objects.select_related("subject__trial_site__trial"))
        told = asked.validated_data
        time_point = get_object_or_404(rows, pk=told["time_point"])
        submission = submissions.start(by=self.actor(), time_point=time_point, size=told["size"], files=told["files"])
        return Response({"id": submission.pk, "piece": PART_SIZE}, status=status.HTTP_201_CREATED)


class ExpectedView(DeliveryView):
    def get(self, _request: Request, pk: int) -> Response:
        """What a visit asks for; 400 with a sentence where no scan would be taken for it now."""
        rows = access.visible(self.actor(), TimePoint.objects.select_related("subject__trial_site__trial", "scheduled"))
        time_point = get_object_or_404(rows, pk=pk)
        access.require(self.actor(), Act.SUBMISSION_SEND, time_point)
        return Response(expecting.asked(time_point))


class DeliveryDetailView(DeliveryView):
    def get(self, _request: Request, pk: UUID) -> Response:
        """State in words, counts, and every refusal with its reason."""
        return Response(progress.describe(self.delivery(pk)))


class ManifestView(DeliveryView):
    parser_classes = [JSONParser]

    def post(self, request: Request, pk: UUID) -> Response:
        """Announce files by the hashes of their parts; answers for each its number and how many parts have arrived."""
        submission = self.delivery(pk)
        access.require(self.actor(), Act.SUBMISSION_SEND, submission)
        told = ManifestSerializer(data=request.data)
        told.is_valid(raise_exception=True)
        files = [
            Announced.told(size=one["size"], hashes=one["parts"], claim=one["claim"])
            for one in told.validated_data["files"]
        ]
        standing = manifests.announce(by=self.actor(), submission=submission, files=files)
        return Response({"files": [{"number": one.number, "arrived": one.arrived} for one in standing]})


class PiecesView(DeliveryView):
    parser_classes = [MultiPartParser]

    def get(self, _request: Request, pk: UUID) -> Response:
        """What has arrived, as number → parts: a browser that lost its line sends only the rest."""
        files = self.delivery(pk).files.values_list("number", "parts")
        return Response({str(number): len(parts) for number, parts in files})

    def post(self, request: Request, pk: UUID) -> Response:
        """Take announced pieces: each field is named number.part; file names are neither read nor kept."""
        submission = self.delivery(pk)
        access.require(self.actor(), Act.SUBMISSION_SEND, submission)
        pieces = [_piece(name, upload) for name, upload in request.FILES.items()]
        if not pieces:
            raise ValidationError(_("No piece of a file came with this request. Send it again."), code="empty")
        fresh = manifests.receive(by=self.actor(), submission=submission, pieces=pieces)
        return Response({"taken": fresh})


def _piece(name: str, upload: Any) -> Piece:
    match = _FIELD.fullmatch(name)
    if not match:
        raise ValidationError(_("A piece must be named by number and part."), code="name")
    return Piece(number=int(match[1]), part=int(match[2]), data=upload.read())


class CompleteView(DeliveryView):
    parser_classes = [JSONParser]

    def post(self, request: Request, pk: UUID) -> Response:
        """Close the delivery; 400 with a sentence where something is missing."""
        submission = self.delivery(pk)
        access.require(self.actor(), Act.SUBMISSION_SEND, submission)
        told = CompleteSerializer(data=request.data)
        told.is_valid(raise_exception=True)
        submission = submissions.complete(by=self.actor(), submission=submission, **told.validated_data)
        return Response(progress.describe(submission), status=status.HTTP_202_ACCEPTED)


class CleaningView(DeliveryView):
    def get(self, _request: Request, pk: UUID) -> Response:
        """What the browser cleans this delivery with; for whoever opened it, and to be kept nowhere."""
        submission = get_object_or_404(
            access.visible(self.actor(), Submission.objects.select_related(*browser.ROAD)), pk=pk
        )
        return Response(browser.equip(by=self.actor(), submission=submission), headers={"Cache-Control": "no-store"})


class CertificateView(DeliveryView):
    def get(self, _request: Request, pk: UUID) -> Response:
        """What de-identification did to each object: digests, actions by tag, no value; the newest run first."""
        told = progress.certificates(self.delivery(pk))
        if not told:
            raise Http404
        return Response({**told[0], "earlier": told[1:]})


class ObjectCertificateView(DeliveryView):
    def get(self, _request: Request, pk: UUID, number: int) -> Response:
        """The same for one object of the delivery."""
        told = progress.object_certificate(self.delivery(pk), number)
        if told is None:
            raise Http404
        return Response(told)


class ReceiptView(DeliveryView):
    def get(self, _request: Request, pk: UUID) -> Response:
        """Each filed object with its SOP Instance UID and the hashes of what came and what was filed."""
        return Response(progress.receipt(self.delivery(pk)))
