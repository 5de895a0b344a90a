from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit.context import current
from identity import services
from identity.keyring import KeyRefused
from identity.switch import KEY, NEXT_KEY


class Command(BaseCommand):
    help = "Replace the master key of the vault: every data key is wrapped anew, then the old master key is destroyed."

    def handle(self, *_args: Any, **_options: Any) -> None:
        here = current()
        if not settings.VAULT_ON or here is None:
            raise CommandError("There is no vault here: nothing was done.")
        try:
            done = services.rotate(by=here.actor)
        except KeyRefused as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(
            f"Wrapped {done.subjects} subject keys and {done.indexes} index keys anew in {done.seconds:.2f} s."
        )
        if done.old_is_destroyed:
            self.stdout.write("The old master key is destroyed. Back the new one up, apart from the database.")
        else:
            self.stdout.write(f"Now set {KEY} to the key of {NEXT_KEY}, remove that, and destroy the old key yourself.")
