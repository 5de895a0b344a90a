"""The browser's upload protocol: open a delivery, send pieces in batches, resume by manifest, complete, watch."""

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
from imaging import progress
from imaging.models import CleaningCertificate, Submission
from imaging.services import submissions
from imaging.services.submissions import Piece
from imaging.vault import PART_SIZE
from trials import access
from trials.models import TimePoint
from trials.roles import Act

_FIELD = re.compile(r"([0-9]{1,5})\.([0-9]{1,4})")


class StartSerializer(serializers.Serializer[Any]):
    time_point = serializers.IntegerField(min_value=1)


class CompleteSerializer(serializers.Serializer[Any]):
    files = serializers.IntegerField(min_value=0, max_value=submissions.MAXIMUM_FILES)
    size = serializers.IntegerField(min_value=0, max_value=submissions.MAXIMUM_BYTES)


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
        time_point = get_object_or_404(rows, pk=asked.validated_data["time_point"])
        submission = submissions.start(by=self.actor(), time_point=time_point)
        return Response({"id": submission.pk, "piece": PART_SIZE}, status=status.HTTP_201_CREATED)


class DeliveryDetailView(DeliveryView):
    def get(self, _request: Request, pk: UUID) -> Response:
        """State in words, counts, and every refusal with its reason."""
        return Response(progress.describe(self.delivery(pk)))


class PiecesView(DeliveryView):
    parser_classes = [MultiPartParser]

    def get(self, _request: Request, pk: UUID) -> Response:
        """What has arrived, as number → parts: a browser that lost its line sends only the rest."""
        files = self.delivery(pk).files.values_list("number", "parts")
        return Response({str(number): len(parts) for number, parts in files})

    def post(self, request: Request, pk: UUID) -> Response:
        """Take pieces: each multipart field is named number.part; file names are neither read nor kept."""
        submission = self.delivery(pk)
        access.require(self.actor(), Act.SUBMISSION_SEND, submission)
        pieces = [_piece(name, upload) for name, upload in request.FILES.items()]
        if not pieces:
            raise ValidationError(_("No piece of a file came with this request. Send it again."), code="empty")
        fresh = submissions.receive(by=self.actor(), submission=submission, pieces=pieces)
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


class CertificateView(DeliveryView):
    def get(self, _request: Request, pk: UUID) -> Response:
        """What de-identification did to each object: digests and actions by tag, no value."""
        return Response(progress.certificate(get_object_or_404(CleaningCertificate, submission=self.delivery(pk))))


class ObjectCertificateView(DeliveryView):
    def get(self, _request: Request, pk: UUID, number: int) -> Response:
        """The same for one object of the delivery."""
        made = get_object_or_404(CleaningCertificate, submission=self.delivery(pk))
        told = progress.object_certificate(progress.certificate(made), number)
        if told is None:
            raise Http404
        return Response(told)


class ReceiptView(DeliveryView):
    def get(self, _request: Request, pk: UUID) -> Response:
        """Each filed object with its SOP Instance UID and the hashes of what came and what was filed."""
        return Response(progress.receipt(self.delivery(pk)))
