"""`manage.py access_as_of 2026-01-31 [--trial CODE] [--json]`: who could do what on a past day (C03)."""

import datetime as dt
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from trials.models import Trial
from trials.standing import Answer, Standing, standing_on


class Command(BaseCommand):
    help = "Tell who could do what on a past day (UTC), by the word of the audit trail."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("day", metavar="DATE", help="as 2026-01-31")
        parser.add_argument("--trial", metavar="CODE", help="one trial instead of all")
        parser.add_argument("--json", action="store_true", help="everything, for a program to read")

    def handle(self, *_args: Any, **options: Any) -> None:
        answer = standing_on(_day(options["day"]), trial=_trial(options["trial"]))
        told = json.dumps(as_record(answer), indent=2, ensure_ascii=False) if options["json"] else _lines(answer)
        self.stdout.write(told)


def _day(text: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise CommandError("name a day as 2026-01-31", returncode=2) from None
    if day > timezone.localdate():
        raise CommandError("that day has not come yet: nobody can say what will be changed until then", returncode=2)
    return day


def _trial(code: str | None) -> Trial | None:
    if code is None:
        return None
    found = Trial.objects.filter(code=code).first()
    if found is None:
        raise CommandError("there is no trial of this code", returncode=2)
    return found


def as_record(answer: Answer) -> dict[str, Any]:
    """Return the answer as data: days and moments in ISO 8601, acts by name."""
    return {
        "day": answer.day.isoformat(),
        "could": [_record(one) for one in answer.standing],
        "written_later": [_record(one) for one in answer.backdated],
    }


def _record(one: Standing) -> dict[str, Any]:
    return {
        "trial": one.trial,
        "account": one.account,
        "person": one.person,
        "account_open": one.is_account_open,
        "role": str(one.role),
        "site": one.site,
        "from": one.starts.isoformat(),
        "until": one.ends.isoformat() if one.ends else None,
        "granted_by": one.granted_by,
        "since": one.since.isoformat() if one.since else None,
        "ceased": one.until.isoformat() if one.until else None,
        "from_before_the_trail": one.before_trail,
        "corrected_later": [
            {"at": each.at.isoformat(), "by": each.by, "reason": each.reason, "what": each.what}
            for each in one.corrections
        ],
        "acts": [str(act) for act in one.acts],
    }


def _lines(answer: Answer) -> str:
    told = [_line(one) for one in answer.standing]
    head = f"{len(told)} roles could be used on {answer.day} (UTC), by the word of the audit trail"
    later = [_line(one) for one in answer.backdated]
    if later:
        later.insert(0, f"\n{len(later)} were written later as if they had stood that day, and opened nothing then")
    return "\n".join([head, *told, *later])


def _line(one: Standing) -> str:
    place = f" at site {one.site}" if one.site else ""
    notes = [
        *([] if one.is_account_open else ["account closed: it opened nothing"]),
        *([f"written {one.since:%Y-%m-%d %H:%M:%S}"] if one.since else []),
        *([f"until {one.until:%Y-%m-%d %H:%M:%S}"] if one.until else []),
        *(["found when the trail began"] if one.before_trail else []),
        *(f"corrected {each.at:%Y-%m-%d %H:%M} by {each.by} ({each.what}): {each.reason}" for each in one.corrections),
    ]
    days = f"{one.starts} – {one.ends or 'no end'}"
    said = f"; {'; '.join(notes)}" if notes else ""
    acts = ", ".join(str(act) for act in one.acts)
    return f"{one.trial}: {one.person} ({one.account}), {one.role.replace('_', ' ')}{place}, {days}{said}\n    {acts}"
