"""The results at /api/, for scripts: what the results page shows, never more."""

from typing import TYPE_CHECKING, cast

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from reports.services import take_results
from trials import access
from trials.models import Charter
from trials.roles import Act

if TYPE_CHECKING:
    from trials.http import ActorRequest


class Results(APIView):
    """Results as they stand today; subjects whose consent does not cover it are left out and named by code."""

    def get(self, request: Request, code: str) -> Response:
        # The framework's request passes on whatever our middleware put on Django's.
        actor = cast("ActorRequest", request).actor
        trial = access.trial_for(actor, code, Act.RESULT_VIEW)
        try:
            return Response(take_results(by=actor, trial=trial))
        except Charter.DoesNotExist:
            raise Http404 from None
