"""The results at /api/, for scripts: what the results page shows, never more."""

from typing import TYPE_CHECKING, Any, cast

from django.http import Http404
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from reports.contents import to_plain
from reports.selectors import freeze, next_number
from trials import access
from trials.models import Charter
from trials.roles import Act

if TYPE_CHECKING:
    from trials.http import ActorRequest

# The rest of a report's contents belongs to a report: its number, its audit head, its software.
_SHOWN = ("trial", "cut_off", "counts", "readings", "volumes", "unread", "withdrawn", "excluded")


class Results(APIView):
    """Results as they stand today; subjects whose consent does not cover it are left out and named by code."""

    def get(self, request: Request, code: str) -> Response:
        # The framework's request passes on whatever our middleware put on Django's.
        actor = cast("ActorRequest", request).actor
        trial = access.trial_for(actor, code, Act.RESULT_VIEW)
        try:
            contents = freeze(trial, cut_off=timezone.localdate(), number=next_number(trial))
        except Charter.DoesNotExist:
            raise Http404 from None
        plain: dict[str, Any] = to_plain(contents)
        return Response({name: plain[name] for name in _SHOWN})
