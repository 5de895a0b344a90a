import os
import time
import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.actor import OPERATOR, machine
from imaging.models import Damage, Scrub
from imaging.services import scrubbing
from imaging.services.scrubbing import MEGABYTE, Pace


class Command(BaseCommand):
    help = (
        "Read every stored object again; name what changed, what is missing and what no row knows. "
        "Goes on where the last walk stood; ends with 1 where anything is wrong."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--megabytes-a-second", type=float, default=0, help="read no faster; 0 (default): no limit")
        parser.add_argument("--minutes", type=float, default=0, help="stop after so long; the next call goes on")

    def handle(self, *_args: Any, **options: Any) -> None:
        seconds = options["minutes"] * 60
        pace = Pace(
            bytes_a_second=int(options["megabytes_a_second"] * MEGABYTE),
            deadline=time.monotonic() + seconds if seconds else float("inf"),
        )
        on_behalf_of = f"os:{os.getuid()}"
        by = machine("command scrub_archive", source="command", request_id=uuid.uuid4().hex, on_behalf_of=on_behalf_of)
        walk = scrubbing.scrub(by=by.acting_as(OPERATOR), pace=pace)
        damages = scrubbing.standing()
        self._tell(walk, damages)
        if damages or walk.orphans:
            raise CommandError("The archive is not as it was filed: see above.", returncode=1)

    def _tell(self, walk: Scrub, damages: list[Damage]) -> None:
        for damage in damages:
            self.stdout.write(_line(damage))
        for sha256 in walk.orphans:
            self.stdout.write(f"no row names it: object {sha256}")
        read = f"{walk.objects_read} objects, {walk.bytes_read / MEGABYTE:.1f} MB read"
        end = "whole archive" if walk.ended_at else "stopped on the way, the next call goes on"
        self.stdout.write(f"{read} ({end}): {len(damages)} damaged, {len(walk.orphans)} without a row")


def _line(damage: Damage) -> str:
    image = damage.instance
    point = image.series.study.time_point
    subject = point.subject
    place = f"trial {subject.trial_site.trial.code}, subject {subject.code}, time point {point.scheduled.code}"
    return f"{damage.get_kind_display()}: {place}, series {image.series.uid}, image {image.uid}, object {image.sha256}"
