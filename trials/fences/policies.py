"""The policy of one table as SQL, made from its road: whoever has no membership that reaches a row never sees it.

What is looked up of the person stands in scalar subselects, so that the planner asks once a statement and not once a
row. A row that hangs on another one asks whether that one is visible: each table adds one step to the road.
"""

from typing import Any

from django.db.models import Model

from trials.fences.anchors import COLUMN, SITE, SUBJECT, anchors, passes_subject, released, subject_of, trial_of
from trials.fences.tables import Way

NAME = "corelab_fence"
TRAIL = ("audit_auditevent", "audit_signature", "audit_review")
_MACHINE = "(SELECT corelab_machine())"
_PERSON = "(SELECT corelab_person())"
_ANY = "((SELECT corelab_trials('any'))::bigint[])"
_WHOLE = "((SELECT corelab_trials('whole'))::bigint[])"
_SITES = "((SELECT corelab_sites())::bigint[])"
_CASES = "((SELECT corelab_cases())::bigint[])"
_CASE_SITES = "((SELECT corelab_case_sites())::bigint[])"
_CODES = "((SELECT corelab_codes())::text[])"


def policies(model: type[Model], way: Way) -> tuple[str, ...]:
    """Return the statements that fence the table of a model, of today or of a migration's history."""
    anchoring = anchors(model, way) if way.fence.anchored else ()
    return (*anchoring, *_closed(model._meta.db_table, f"{_MACHINE} OR {_reached(model, way)}"))


def open_again(model: type[Model], way: Way) -> tuple[str, ...]:
    """Return the statements that take the fence of a model away."""
    return (*(released(model) if way.fence.anchored else ()), *opened(model._meta.db_table))


def trail_policies() -> tuple[str, ...]:
    """Return the statements for the trail: whoever acts may tell, members of a trial may look.

    That nobody removes or rewrites is for guards and grants, which say so instead of finding nothing.
    """
    event = f"{_MACHINE} OR {_PERSON} IS NOT NULL AND (trial_code = '' OR trial_code = ANY {_CODES})"
    event_of = "SELECT true FROM audit_auditevent e WHERE e.sequence = audit_signature.event_sequence"
    return (
        *_closed("audit_auditevent", event, written="true"),
        *_closed("audit_signature", f"{_MACHINE} OR ({event_of})"),
        *_closed("audit_review", f"{_MACHINE} OR trial_code = ANY {_CODES}"),
    )


def opened(table: str) -> tuple[str, ...]:
    """Return the statements that take the fence of a table away."""
    return (
        f"DROP POLICY IF EXISTS {NAME} ON {table}",
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    )


def _closed(table: str, seen: str, *, written: str = "") -> tuple[str, ...]:
    # FORCE: without it the owner of the table sees everything.
    return (
        *opened(table),
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY {NAME} ON {table} USING ({seen}) WITH CHECK ({written or seen})",
    )


def _reached(model: type[Model], way: Way) -> str:
    table = model._meta.db_table
    if way.trial == "self":
        return f"{table}.id = ANY {_ANY}"
    if way.fence.anchored:
        reached = f"({table}.{SITE} = ANY {_SITES} OR {table}.{COLUMN} = ANY {_CASES})"
        return f"{reached}{_unblinding(model, way)}"
    first, _, rest = way.trial.partition("__")
    if not rest:
        return _on_trial(model, way, f"{table}.{_column(model, first)}")
    return _under_another(model, way, first, rest)


def _under_another(model: type[Model], way: Way, first: str, rest: str) -> str:
    """A table whose trial is that of another row: what it answers to is asked of itself where it can be."""
    table = model._meta.db_table
    if rest == "trial" and way.site == first:
        case = f" OR {table}.id = ANY {_CASES}" if model._meta.label == SUBJECT else ""
        return f"{table}.{_column(model, first)} = ANY {_SITES}{case}"
    if way.site and "__" not in way.site and way.site != first:
        return f"{table}.{_column(model, way.site)} = ANY {_SITES}"
    if not way.site and passes_subject(model, way.trial):
        return f"{trial_of(model, way.trial, row=table)} = ANY {_WHOLE}"
    return f"{_parent(model, first)}{_unblinding(model, way)}"


def _parent(model: type[Model], first: str) -> str:
    """Ask whether the row is visible that this one hangs on."""
    field: Any = model._meta.get_field(first)
    parent = field.related_model._meta.db_table
    return f"(SELECT true FROM {parent} u WHERE u.id = {model._meta.db_table}.{field.column})"  # noqa: S608  our own names


def _on_trial(model: type[Model], way: Way, trial: str) -> str:
    """A table that names its trial, and perhaps its site and whom the row is about."""
    table = model._meta.db_table
    parts = [f"{trial} = ANY {_ANY if way.fence.shared else _WHOLE}"]
    if way.site == "self":
        parts += [f"{table}.id = ANY {_SITES}", f"{table}.id = ANY {_CASE_SITES}"]
    elif way.site:
        parts.append(f"{table}.{_column(model, way.site)} = ANY {_SITES}")
    if way.owner:
        parts.append(f"{table}.{_column(model, way.owner)} = {_PERSON}")
    return " OR ".join(parts)


def _unblinding(model: type[Model], way: Way) -> str:
    """Keep a reader from what others did with the same case, where the row itself tells whose it is."""
    has_owner = bool(way.owner) and "__" not in way.owner
    if not (has_owner or way.fence.blinded):
        return ""
    table = model._meta.db_table
    own = f"{table}.{_column(model, way.owner)} = {_PERSON} OR " if has_owner else ""
    subject = f"{table}.{COLUMN}" if way.fence.anchored else subject_of(model, way.site, row=table)
    return f" AND ({own}{subject} <> ALL {_CASES})"


def _column(model: type[Model], name: str) -> str:
    field: Any = model._meta.get_field(name)
    return str(field.column)
