from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate

from audit.connections import prepare


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        connection_created.connect(prepare, dispatch_uid="audit.connections.prepare")
        # For every app: the last one to be migrated has the last word.
        post_migrate.connect(_tell_of_triggers, dispatch_uid="audit.installing.tell_of_triggers")


def _tell_of_triggers(**_told: Any) -> None:
    # Named, not imported: apps are read before the models that this needs.
    import_module("audit.installing").tell_of_triggers()
