"""What stands in the trail, in words: kinds, fields and values as the models of today name them."""

from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db.models import Field, Model, QuerySet
from django.utils.translation import gettext as _

from audit.watching.tables import Watch

_DIGITS = 12
# Seconds of a time as the triggers write it.
_SECONDS = len("2026-01-31 12:00:00")


def model_of(label: str) -> type[Model] | None:
    """Return the model behind trials.Subject and the like; None for what has no table (any more)."""
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        return None


def kind(label: str) -> str:
    model = model_of(label)
    return named(model._meta.verbose_name) if model else label


def named(name: Any) -> str:
    """Return the name of a kind, field or role in the language of the page; one that was marked speaks it already."""
    return _(name) if name and isinstance(name, str) else str(name)


def field_of(label: str, column: str) -> "Field[Any, Any] | None":
    """Return the field stored in a column, or named so; None where the model of today has none."""
    model = model_of(label)
    fields = model._meta.concrete_fields if model else ()
    return next((field for field in fields if column in (field.column, field.name)), None)


def field_name(label: str, column: str) -> str:
    field = field_of(label, column)
    return named(field.verbose_name) if field else column.replace("_", " ")


def is_key(label: str, column: str) -> bool:
    field = field_of(label, column)
    return field is not None and field.primary_key


def watched_fields(model: type[Model]) -> "list[Field[Any, Any]]":
    """Return the fields whose values the trail tells, without the key."""
    watch: Watch = getattr(model, "watch", Watch())
    return [field for field in model._meta.concrete_fields if not field.primary_key and field.column not in watch.quiet]


def _is_digested(field: "Field[Any, Any]") -> bool:
    watch: Watch = getattr(field.model, "watch", Watch())
    return field.get_internal_type() == "BinaryField" or field.column in watch.digested


def plain(field: "Field[Any, Any] | None", value: str) -> str:
    """Return a choice by its label, a truth as yes or no; the rest as it is."""
    if field is None:
        return value
    if field.get_internal_type() == "BooleanField":
        return {"true": _("yes"), "false": _("no")}.get(value, value)
    return str(dict(field.flatchoices).get(value, value))


class Names:
    """The rows that values and events point at, by their own words; each is asked for once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def find(self, label: str, key: str) -> str:
        """Return what the row calls itself today, "" where it is gone."""
        if (label, key) not in self._known:
            self._known[label, key] = _ask(label, key)
        return self._known[label, key]

    def of(self, label: str, key: str) -> str:
        """Return what the row calls itself today, or its key where it is gone."""
        return self.find(label, key) or key

    def value(self, label: str, column: str, value: str | None) -> str:
        """Return a watched column's text in words; "" where it is empty."""
        field = field_of(label, column)
        if not value or field is None:
            return value or ""
        if _is_digested(field):
            return f"SHA-256 {value[:_DIGITS]}…"
        if isinstance(field.related_model, type):
            return self.of(field.related_model._meta.label, value)
        if field.get_internal_type() == "DateTimeField":
            return f"{value[:_SECONDS]} UTC"
        return plain(field, value)


def _ask(label: str, key: str) -> str:
    model = model_of(label)
    try:
        row = QuerySet(model).filter(pk=key).first() if model else None
    except (ValidationError, ValueError):
        return ""
    return str(row) if row else ""
