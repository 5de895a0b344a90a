"""What came without a name beside the visits it could belong to, in words."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from imaging.matching import Scan, Visit
from imaging.qc import IdentityMatch
from imaging.services.sorting import Comparison

_IDENTITIES: dict[IdentityMatch, Any] = {
    IdentityMatch.SAME: _("same person as the earlier scans"),
    IdentityMatch.DIFFERS_IN_ONE: _("agrees with the earlier scans in all but one value"),
    IdentityMatch.OTHER_SUBJECT: _("came under several subjects"),
    IdentityMatch.FIRST: _("no earlier scan to compare with"),
    IdentityMatch.DIFFERS: _("another person than the earlier scans"),
    IdentityMatch.NOT_COMPARABLE: _("nothing here to compare with"),
}


def side_by_side(comparison: Comparison) -> dict[str, Any]:
    """Return the lines of both tables; `is_mixed` where the delivery holds several persons."""
    return {
        "scans": [_line(number, scan) for number, scan in enumerate(comparison.scans, start=1)],
        "visits": [_row(visit, comparison.scans) for visit in comparison.visits],
        "is_mixed": comparison.persons > 1,
        "persons": comparison.persons,
    }


def _line(number: int, scan: Scan) -> dict[str, Any]:
    return {"number": number, "scan": scan, "modalities": ", ".join(scan.modalities)}


def _row(visit: Visit, scans: list[Scan]) -> dict[str, Any]:
    return {
        "visit": visit,
        "identity": _IDENTITIES[visit.identity],
        "is_same": visit.identity is IdentityMatch.SAME,
        "is_other": visit.identity is IdentityMatch.DIFFERS,
        "days": [_day(visit, scan) for scan in scans],
        "holds": any(scan.study in visit.studies for scan in scans),
    }


def _day(visit: Visit, scan: Scan) -> dict[str, Any]:
    off = visit.days_off(scan)
    return {"day": visit.day_of(scan), "fits": off == 0, "words": _distance(off)}


def _distance(off: int | None) -> str:
    if off is None:
        return str(_("no date in the files"))
    if off == 0:
        return str(_("inside"))
    if off < 0:
        return ngettext("%(days)s day early", "%(days)s days early", -off) % {"days": -off}
    return ngettext("%(days)s day late", "%(days)s days late", off) % {"days": off}
