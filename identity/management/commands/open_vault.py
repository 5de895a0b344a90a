from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from identity import services
from identity.keyring import KeyRefused
from identity.switch import ALIAS


class Command(BaseCommand):
    help = "Prepare the vault's database and prove that the master key at hand is its own; `run` does this by itself."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if not settings.VAULT_ON:
            raise CommandError("There is no vault: name its database with CORELAB_VAULT_DATABASE_URL first.")
        call_command("migrate", "identity", database=ALIAS, verbosity=0, skip_checks=True)
        try:
            services.open_vault()
        except KeyRefused as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write("The vault opens.")
