import argparse
import os
import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from audit.actor import machine
from imaging.services import quotas
from imaging.services.quotas import GIGABYTE, Level, Room
from trials.models import Trial, TrialSite, User


class Command(BaseCommand):
    help = "Show how full a trial and its sites are; with numbers and a reason, set the share of trial, site or person."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("trial", help="the short code of the trial")
        whose = parser.add_mutually_exclusive_group()
        whose.add_argument("--site", help="the number of a site in the trial")
        whose.add_argument("--person", help="the account name of a person")
        for name, what in (("gigabytes", "kept"), ("files", "kept"), ("deliveries", "under way at a time")):
            parser.add_argument(f"--{name}", type=_count, help=f"how many, {what}; left out: the rule for all")
        parser.add_argument("--rule-for-all", action="store_true", help="give back the rule for all")
        parser.add_argument("--reason", default="", help="why the share changes")

    def handle(self, *_args: Any, **options: Any) -> None:
        trial = _found(Trial.objects.select_related("sponsor"), "trial", code=options["trial"])
        told = [options[name] for name in ("gigabytes", "files", "deliveries")]
        if options["rule_for_all"] or any(value is not None for value in told):
            self._set(trial, options)
        for site in trial.sites.select_related("trial", "site").order_by("number"):
            by = machine("operator", source="command", request_id="quota")
            for level in quotas.levels(by=by, trial_site=site):
                self.stdout.write(_line(site, level))

    def _set(self, trial: Trial, options: dict[str, Any]) -> None:
        on_behalf_of = f"os:{os.getuid()}"
        by = machine("command quota", source="command", request_id=uuid.uuid4().hex, on_behalf_of=on_behalf_of)
        site, person, gigabytes = options["site"], options["person"], options["gigabytes"]
        try:
            quotas.set_limit(
                by=by,
                trial=trial,
                trial_site=_found(trial.sites.select_related("trial"), "site", number=site) if site else None,
                person=_found(User.objects.all(), "person", username=person) if person else None,
                limit=Room(
                    size=None if gigabytes is None else gigabytes * GIGABYTE,
                    files=options["files"],
                    deliveries=options["deliveries"],
                ),
                reason=options["reason"],
            )
        except ValidationError as refused:
            raise CommandError(" ".join(refused.messages)) from None


def _count(word: str) -> int:
    number = int(word)
    # What the column holds on both databases.
    if not 0 <= number < 2**31:
        raise argparse.ArgumentTypeError("a number from 0 to 2147483647")
    return number


def _found(rows: Any, what: str, **wanted: str) -> Any:
    found = rows.filter(**wanted).first()
    if found is None:
        raise CommandError(f"There is no such {what}. Nothing was changed.")
    return found


def _line(site: TrialSite, level: Level) -> str:
    used, limit = level.used, level.limit
    sizes = f"{(used.size or 0) / GIGABYTE:.1f} of {(limit.size or 0) / GIGABYTE:.1f} GB"
    counts = f"{used.files} of {limit.files} files, {used.deliveries} of {limit.deliveries} deliveries under way"
    name = f"site {site.number}" if level.share == quotas.Share.SITE else f"trial {site.trial.code}"
    return f"{name}: {sizes}, {counts}"
