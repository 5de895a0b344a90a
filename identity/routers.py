"""Tables of the vault are in the vault's database and nowhere else, and nothing else is there."""

from typing import Any

from django.db.models import Model

from identity.switch import ALIAS

_APP = "identity"


class VaultRouter:
    """Django's question, which database a model lives in: read, write, migrate, and which rows may point at which."""

    def db_for_read(self, model: type[Model], **_hints: Any) -> str | None:
        return ALIAS if model._meta.app_label == _APP else None

    def db_for_write(self, model: type[Model], **_hints: Any) -> str | None:
        return ALIAS if model._meta.app_label == _APP else None

    def allow_relation(self, one: Model, other: Model, **_hints: Any) -> bool | None:
        sides = {one._meta.app_label == _APP, other._meta.app_label == _APP}
        return False if sides == {True, False} else None

    def allow_migrate(self, db: str, app_label: str, **_hints: Any) -> bool | None:
        if app_label == _APP or db == ALIAS:
            return db == ALIAS and app_label == _APP
        return None
