"""The policy of one table as SQL, made from its road: whoever has no membership that reaches a row never sees it.

What is looked up of the person stands in scalar subselects, so that the planner asks once a statement and not once a
row. A row that hangs on another one asks whether that one is visible: each table adds one step to the road.
"""

from typing import Any

from django.db.models import Model

from trials.fences.tables import Way

NAME = "corelab_fence"
_SUBJECT = "trials.Subject"
_MACHINE = "(SELECT corelab_machine())"
_ANY = "((SELECT corelab_trials('any'))::bigint[])"
_WHOLE = "((SELECT corelab_trials('whole'))::bigint[])"
_SITES = "((SELECT corelab_sites())::bigint[])"
_OWN = "((SELECT corelab_trials('own'))::bigint[])"
_CODES = "((SELECT corelab_codes())::text[])"
_PERSON = "(SELECT corelab_person())"


def policies(model: type[Model], way: Way) -> tuple[str, ...]:
    """Return the statements that fence the table of a model, of today or of a migration's history."""
    table, seen = model._meta.db_table, condition(model, way)
    return (*_closed(table), f"CREATE POLICY {NAME} ON {table} USING ({seen}) WITH CHECK ({seen})")


def trail_policies() -> tuple[str, ...]:
    """Return the statements for the trail: whoever acts may tell, members of a trial may look, nobody removes."""
    event = f"{_MACHINE} OR {_PERSON} IS NOT NULL AND (trial_code = '' OR trial_code = ANY {_CODES})"
    event_of = "SELECT true FROM audit_auditevent e WHERE e.sequence = audit_signature.event_sequence"
    signed = f"{_MACHINE} OR ({event_of})"
    review = f"{_MACHINE} OR trial_code = ANY {_CODES}"
    return (
        *_closed("audit_auditevent"),
        f"CREATE POLICY {NAME} ON audit_auditevent FOR SELECT USING ({event})",
        f"CREATE POLICY {NAME}_told ON audit_auditevent FOR INSERT WITH CHECK (true)",
        f"CREATE POLICY {NAME}_masked ON audit_auditevent FOR UPDATE USING ({event}) WITH CHECK ({event})",
        *_closed("audit_signature"),
        f"CREATE POLICY {NAME} ON audit_signature USING ({signed}) WITH CHECK ({signed})",
        *_closed("audit_review"),
        f"CREATE POLICY {NAME} ON audit_review USING ({review}) WITH CHECK ({review})",
    )


TRAIL = ("audit_auditevent", "audit_signature", "audit_review")


def _closed(table: str) -> tuple[str, ...]:
    # FORCE: without it the owner of the table sees everything.
    return (
        *opened(table),
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
    )


def opened(table: str) -> tuple[str, ...]:
    """Return the statements that take the fence of a table away."""
    drops = (f"DROP POLICY IF EXISTS {NAME}{ending} ON {table}" for ending in ("", "_told", "_masked"))
    return (
        *drops,
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    )


def condition(model: type[Model], way: Way) -> str:
    """Return the SQL that holds for the rows a person or machine may see and write."""
    return f"{_MACHINE} OR {_reached(model, way)}"


def _reached(model: type[Model], way: Way) -> str:
    table, pk = model._meta.db_table, model._meta.pk
    if way.trial == "self":
        return f"{table}.{_column(pk)} = ANY {_ANY}"
    first, _, rest = way.trial.partition("__")
    field: Any = model._meta.get_field(first)
    here = f"{table}.{field.column}"
    if not rest:
        return _on_trial(model, way, here)
    if rest == "trial" and way.site == first:
        case = f" OR {_is_case('corelab_reads', f'{table}.id')}" if model._meta.label == _SUBJECT else ""
        return f"{here} = ANY {_SITES}{case}"
    parent = field.related_model._meta
    seen = f"(SELECT true FROM {parent.db_table} u WHERE u.{_column(parent.pk)} = {here})"  # noqa: S608  our own names
    return f"{seen}{_unblinding(model, way)}"


def _on_trial(model: type[Model], way: Way, trial: str) -> str:
    """A table that names its trial, and perhaps its site and whom the row is about."""
    table = model._meta.db_table
    parts = [f"{trial} = ANY {_ANY if way.shared else _WHOLE}"]
    if way.site == "self":
        parts += [f"{table}.id = ANY {_SITES}", _is_case("corelab_reads_at", f"{table}.id")]
    elif way.site:
        parts.append(f"{table}.{_field_column(model, way.site)} = ANY {_SITES}")
    if way.owner:
        parts.append(f"{table}.{_field_column(model, way.owner)} = {_PERSON}")
    return " OR ".join(parts)


def _unblinding(model: type[Model], way: Way) -> str:
    """Keep a reader from what others did with the same case, where the row itself tells whose it is."""
    has_owner = bool(way.owner) and "__" not in way.owner
    if not (has_owner or way.blinded):
        return ""
    table = model._meta.db_table
    own = f"{table}.{_field_column(model, way.owner)} = {_PERSON} OR " if has_owner else ""
    return f" AND ({own}cardinality({_OWN}) = 0 OR NOT corelab_reads({_subject(model, way.site)}, {_OWN}))"


def _is_case(function: str, key: str) -> str:
    return f"(cardinality({_OWN}) > 0 AND {function}({key}, {_OWN}))"


def _subject(model: type[Model], path: str) -> str:
    """Return the SQL that follows the foreign keys of a road to the subject of a row."""
    first, *steps = path.split("__")
    field: Any = model._meta.get_field(first)
    value = f"{model._meta.db_table}.{field.column}"
    for step in steps:
        if field.related_model._meta.label == _SUBJECT:
            return value
        here = field.related_model._meta
        field = here.get_field(step)
        value = f"(SELECT v.{field.column} FROM {here.db_table} v WHERE v.{_column(here.pk)} = {value})"  # noqa: S608  our own names
    raise ValueError(f"{model._meta.label} is closed to readers and has no subject on its road")


def _field_column(model: type[Model], name: str) -> str:
    return _column(model._meta.get_field(name))


def _column(field: Any) -> str:
    return str(field.column)
