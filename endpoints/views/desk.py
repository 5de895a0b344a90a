"""The reading desk: everything the read page shows of one case, and nothing that tells whose it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy as _

from endpoints.forms import LINE_FIELDS, LesionForm, LockForm
from endpoints.models import Assignment, Lesion, Read
from endpoints.selectors.cases import FindingRow, SeriesPlace, findings, is_baseline, latest_response, series_places
from endpoints.services.baseline import EditCheck, edit_checks
from endpoints.services.cases import require_own
from endpoints.services.reads import findings_sha256, is_as_signed
from imaging.frames import Preset
from trials import access
from trials.http import ActorRequest

# In the order of the keys 1 to 6.
WINDOWS = (
    (Preset.SOFT_TISSUE, _("soft tissue")),
    (Preset.LUNG, _("lung")),
    (Preset.BONE, _("bone")),
    (Preset.BRAIN, _("brain")),
    (Preset.LIVER, _("liver")),
    (Preset.MEDIASTINUM, _("mediastinum")),
)
_MOST_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Where the viewer stands: series and frame by position from 0, and the window's name ("" as stored)."""

    series: int
    frame: int
    window: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingLine:
    """A finding with the place of its line among the images shown (None: typed, or no longer among them)."""

    row: FindingRow
    series: int | None
    frame: int | None

    @property
    def hidden(self) -> tuple[str, ...]:
        """The fields that a script fills with a drawn line."""
        return LINE_FIELDS

    @property
    def ends(self) -> str:
        """The four pixel coordinates of the line, for the script that draws it."""
        geometry = self.row.now.geometry if self.row.now else []
        return ",".join(str(coordinate) for point in geometry for coordinate in point)


def own_case(request: ActorRequest, pk: UUID) -> Assignment:
    """Return the reader's own case. Raises Http404 for a foreign one, PermissionDenied without right or consent."""
    cases = Assignment.objects.select_related("time_point__subject__trial_site__trial", "time_point__scheduled")
    case = get_object_or_404(access.visible(request.actor, cases), pk=pk)
    try:
        require_own(request.actor, case)
    except ValidationError as refusal:
        raise PermissionDenied(" ".join(refusal.messages)) from None
    return case


def own_read(request: ActorRequest, pk: UUID) -> Read:
    """Return the read of an opened case; raises Http404 before it was opened, and what `own_case` raises."""
    case = own_case(request, pk)
    read = Read.objects.filter(assignment=case).first()
    if read is None:
        raise Http404
    read.assignment = case
    return read


def lesion_kinds(read: Read) -> tuple[Lesion.Kind, ...]:
    return (Lesion.Kind.TARGET, Lesion.Kind.NON_TARGET) if is_baseline(read) else (Lesion.Kind.NEW,)


def show_desk(request: ActorRequest, read: Read, *, lock_form: LockForm | None = None) -> HttpResponse:
    """Show the whole page; a bound lock form is one that could not be led to the signing page."""
    places = series_places(read.assignment.time_point)
    shown = _shown(request, places)
    context = findings_context(read, places=places) | {
        "places": places,
        "shown": shown,
        "place": places[shown.series] if places else None,
        "windows": WINDOWS,
        "lock_form": lock_form or LockForm(),
        "response": latest_response(read),
        "is_void": not is_as_signed(read),
    }
    return render(request, "read.html", context, status=400 if lock_form else 200)


def findings_context(
    read: Read,
    *,
    places: Sequence[SeriesPlace],
    add_form: LesionForm | None = None,
    error: ValidationError | None = None,
) -> dict[str, Any]:
    """Return what the findings fragment shows; `error` is a refusal of the last act."""
    is_draft = read.state == Read.State.DRAFT
    checks: list[EditCheck] = edit_checks(read) if is_draft else []
    return {
        "case": read.assignment,
        "read": read,
        "is_draft": is_draft,
        "lines": [_line(row, places) for row in findings(read)],
        "checks": checks,
        "add_form": add_form or LesionForm(kinds=lesion_kinds(read)),
        "errors": error.messages if error else [],
        "seen": findings_sha256(read) if is_draft else "",
    }


def _line(row: FindingRow, places: Sequence[SeriesPlace]) -> FindingLine:
    if row.now is None or not row.now.instance_uid:
        return FindingLine(row=row, series=None, frame=None)
    wanted = (row.now.instance_uid, row.now.frame)
    for place in places:
        for index, shown in enumerate(place.frames):
            if (shown.instance.uid, shown.frame) == wanted:
                return FindingLine(row=row, series=place.position, frame=index)
    return FindingLine(row=row, series=None, frame=None)


def _shown(request: ActorRequest, places: Sequence[SeriesPlace]) -> Shown:
    series = min(_number(request, "series", 0), max(len(places) - 1, 0))
    last = len(places[series].frames) - 1 if places else 0
    frame = min(_number(request, "frame", last // 2), last)
    window = request.GET.get("window", "")
    return Shown(series=series, frame=frame, window=window if window in set(Preset) else "")


def _number(request: ActorRequest, name: str, otherwise: int) -> int:
    told = request.GET.get(name, "")
    return int(told) if told.isdecimal() and len(told) <= _MOST_DIGITS else otherwise
