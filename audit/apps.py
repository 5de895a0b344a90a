from importlib import import_module
from typing import Any

from django.apps import AppConfig, apps
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate

from audit.connections import prepare


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        connection_created.connect(prepare, dispatch_uid="audit.connections.prepare")
        post_migrate.connect(_tell_of_triggers, dispatch_uid="audit.installing.tell_of_triggers")


def is_last(app: AppConfig) -> bool:
    """Whether `post_migrate` comes for the last time: Django sends it for every app, once all of them are migrated."""
    return app == [one for one in apps.get_app_configs() if one.models_module][-1]


def _tell_of_triggers(sender: AppConfig, **_told: Any) -> None:
    if is_last(sender):
        # Named, not imported: apps are read before the models that this needs.
        import_module("audit.installing").tell_of_triggers()
