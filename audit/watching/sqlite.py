"""Row triggers as SQLite speaks them. They call functions of our connections, so no foreign shell can write a row."""

from audit.watching.tables import Column, Table

# The names of what each row event repeats from the context.
_CONTEXT = ("actor_id", "actor_name", "role", "on_behalf_of", "request_id", "source", "software_version", "reason")
_EVENT = (
    "INSERT INTO audit_auditevent (layer, act, at, object_type, object_id, object_label, trial_code, before, after, "
    f"commitment, {', '.join(_CONTEXT)})"
)
# The inner SELECT names both rows, so that each is rendered in one place.
# The clock of this very machine: as much ours as the database's.
_NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
_TOLD = (
    "SELECT 'row', '{act}', {now}, '{label}', k, '', t, b, a, corelab_commit(b, a), {context} "
    "FROM (SELECT {key} AS k, {trial} AS t, {before} AS b, {after} AS a{source})"
)
_NO_REASON = (
    "SELECT RAISE(ABORT, 'a saved value changes with a reason only: {label}') "
    "WHERE ({changed}) AND corelab_context('reason') = ''"
)


def triggers(table: Table) -> dict[str, str]:
    """Return the definitions by name; SQLite keeps exactly this text."""
    found = {
        "added": ("INSERT", "", _event(table, "row.added", before="'{}'", after=row(table, "NEW"), at="NEW")),
        "changed": (
            "UPDATE",
            f" WHEN {_differs(table.columns)}",
            _event(table, "row.changed", before=row(table, "OLD"), after=row(table, "NEW"), at="NEW"),
        ),
        "removed": ("DELETE", "", _event(table, "row.removed", before=row(table, "OLD"), after="'{}'", at="OLD")),
    }
    return {
        f"{table.name}_{name}": f"CREATE TRIGGER {table.name}_{name} AFTER {verb} ON {table.name}{when} BEGIN "
        f"{_demand(table) if verb == 'UPDATE' else ''}{event}; END"
        for name, (verb, when, event) in found.items()
    }


def adopt(table: Table) -> str:
    """SQL that tells of every row that stands in the table already."""
    return _event(table, "row.adopted", before="'{}'", after=row(table, "r"), at="r", source=table.name)


def row(table: Table, alias: str) -> str:
    parts = ", ".join(f"'{column.name}', {key(column, alias)}" for column in table.columns)
    return f"json_object({parts})"


def key(column: Column, alias: str) -> str:
    return _text(column, f'{alias}."{column.name}"')


def _event(table: Table, act: str, *, before: str, after: str, at: str, source: str = "") -> str:
    """Tell of the row `at`, or of every row of `source` under that name."""
    told = _TOLD.format(
        act=act,
        now=_NOW,
        label=table.label,
        context=", ".join(f"corelab_context('{name}')" for name in _CONTEXT),
        key=key(table.key, at),
        trial=table.trial.format(row=at),
        before=before,
        after=after,
        source=f" FROM {source} {at}" if source else "",
    )
    return f"{_EVENT} {told}"


def _demand(table: Table) -> str:
    if not table.reasoned:
        return ""
    return _NO_REASON.format(label=table.label, changed=_differs(table.reasoned)) + "; "


def _differs(columns: tuple[Column, ...]) -> str:
    return " OR ".join(f'OLD."{column.name}" IS NOT NEW."{column.name}"' for column in columns)


def _text(column: Column, place: str) -> str:
    if column.is_digested:
        return f"corelab_sha256({place})"
    match column.kind:
        case "UUIDField":
            cuts = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
            return " || '-' || ".join(f"substr({place}, {start}, {length})" for start, length in cuts)
        case "BooleanField":
            return f"CASE {place} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"
        case "DecimalField":
            return f"CASE WHEN {place} IS NOT NULL THEN printf('%.{column.places}f', {place}) END"
        case _:
            return f"CAST({place} AS TEXT)"
