"""DICOMweb of one blinded case, for a viewer that its reader works with."""

from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from endpoints.services.blinded import BlindShelf
from endpoints.views.desk import own_read
from imaging.views.dicomweb import serve
from trials.http import ActorRequest


@require_GET
def case(request: ActorRequest, pk: UUID, path: str) -> HttpResponse | StreamingHttpResponse:
    """Answer for the images of one's own opened case."""
    return serve(request, BlindShelf(by=request.actor, read=own_read(request, pk)), path)
