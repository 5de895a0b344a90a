from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit.context import widened
from config.demo import mark, seed
from trials.models import User


class Command(BaseCommand):
    help = "Fill an empty database with the demo: two trials whose scans went the whole road."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if not settings.DEMO_DOOR:
            raise CommandError(
                "Everybody knows the password of the demo, and this machine answers to others: leave CORELAB_HOSTS and "
                "CORELAB_BIND empty for it. Nothing was changed."
            )
        if User.objects.exists():
            raise CommandError("The database is not empty: the demo goes into an empty one only. Nothing was changed.")
        # Its people take turns without a page between them; there is nothing here but what they make.
        with mark.unfinished(), widened("the demo goes into an empty database"):
            for sentence in seed.run():
                self.stdout.write(sentence)
                self.stdout.flush()
