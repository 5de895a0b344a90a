"""Row triggers as SQLite speaks them. They call functions of our connections, so no foreign shell can write a row."""

from audit.watching.tables import Column, Table

# The names of what each row event repeats from the context.
_CONTEXT = ("actor_id", "actor_name", "role", "on_behalf_of", "request_id", "source", "software_version", "reason")
_TOLD = ("act", "object_type", "object_id", "trial_code", "before", "after")
# The clock of this very machine: as much ours as the database's.
_NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
_SAID = ("'row'", _NOW, "''", "corelab_commit(NEW.before, NEW.after)")
_VALUES = (*_SAID, *(f"NEW.{name}" for name in _TOLD), *(f"corelab_context('{name}')" for name in _CONTEXT))
_TELLING = (
    "CREATE TRIGGER audit_row_told INSTEAD OF INSERT ON audit_row BEGIN INSERT INTO audit_auditevent "
    "(layer, at, object_label, commitment, {names}) VALUES ({values}); END"
)
# What every row event says alike stands here alone: each line to the database reads and keeps the whole schema (0053).
SHARED = {
    "audit_row": f"CREATE VIEW audit_row AS SELECT {', '.join(f'NULL AS {name}' for name in _TOLD)}",
    "audit_row_told": _TELLING.format(names=", ".join((*_TOLD, *_CONTEXT)), values=", ".join(_VALUES)),
}
_ONE, _MANY = "INSERT INTO audit_row VALUES ({event})", "INSERT INTO audit_row SELECT {event} FROM {source} {at}"
_EVENT = "'{act}', '{label}', {key}, {trial}, {before}, {after}"
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
    event = _EVENT.format(
        act=act,
        label=table.label,
        key=key(table.key, at),
        trial=table.trial.format(row=at),
        before=before,
        after=after,
    )
    return (_MANY if source else _ONE).format(event=event, source=source, at=at)


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
            return f"corelab_uuid({place})"
        case "BooleanField":
            return f"CASE {place} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"
        case "DecimalField":
            return f"CASE WHEN {place} IS NOT NULL THEN printf('%.{column.places}f', {place}) END"
        case _:
            return f"CAST({place} AS TEXT)"
