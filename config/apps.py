from importlib import import_module

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate

from config.grants import grant_after_migration, require_powerless
from config.logs import guard_output


class CorelabConfig(AppConfig):
    name = "config"
    verbose_name = "Corelab"

    def ready(self) -> None:
        guard_output()
        connection_created.connect(require_powerless, dispatch_uid="config.grants.require_powerless")
        post_migrate.connect(grant_after_migration, dispatch_uid="config.grants.grant_after_migration")
        # Registers its check; it looks at models, which are there by now.
        import_module("config.posture")
