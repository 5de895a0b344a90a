"""Row triggers as PostgreSQL speaks them: rows added or removed are told by the statement, changed ones one by one.

A statement's rows come as one table, so that a thousand cost one plan; pairing old with new rows that way could flip to
a nested loop over both, so changes are told row by row.
"""

from hashlib import sha256

from audit.watching.tables import Column, Table

_CONTEXT = ("actor_id", "actor_name", "role", "on_behalf_of", "request_id", "source", "software_version")
_EVENT = (
    "INSERT INTO audit_auditevent (layer, act, at, object_type, object_id, object_label, trial_code, before, after, "
    f"commitment, reason, {', '.join(_CONTEXT)})"
)
_TOLD = """
  SELECT 'row', '{act}', moment, '{label}', k, '', t, b, a,
    encode(salt, 'hex') || encode(sha256(salt || {empty} || {before} || {after} || sha256(why)), 'hex'),
    c->>'reason', {context}
  FROM (
    SELECT {key} AS k, {trial} AS t, {old} AS b, {new} AS a, uuid_send(gen_random_uuid()) AS salt{source}
  ) AS row_told"""
_FUNCTION = """
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  c jsonb := nullif(current_setting('corelab.context', true), '')::jsonb;
  moment timestamptz := (c->>'at')::timestamptz;
  why bytea := convert_to(c->>'reason', 'UTF8');
BEGIN{skip}
  IF coalesce(c->>'actor_id', '') = '' THEN
    RAISE EXCEPTION 'nobody acts: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'check_violation';
  END IF;{demand}
  {event};
  RETURN NULL;
END $$
"""
_SKIP = "\n  IF NOT EXISTS (SELECT FROM told) THEN RETURN NULL; END IF;"
_DEMAND = """
  IF ({changed}) AND c->>'reason' = '' THEN
    RAISE EXCEPTION 'a saved value changes with a reason only: {label}' USING ERRCODE = 'check_violation';
  END IF;"""
_EMPTIED = """
CREATE OR REPLACE FUNCTION corelab_never_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'evidence is kept row by row: TRUNCATE refused on %', TG_TABLE_NAME; END $$
"""
_DIGEST = "sha256(convert_to({text}, 'UTF8'))"


def functions(table: Table) -> dict[str, str]:
    """Return the definitions of the trigger functions by name."""
    demand = _DEMAND.format(label=table.label, changed=_differs(table.reasoned)) if table.reasoned else ""
    return {
        f"{table.name}_added": _function(table, "added", old="", new="r", source=" FROM told r", skip=_SKIP),
        f"{table.name}_changed": _function(table, "changed", old="OLD", new="NEW", demand=demand),
        f"{table.name}_removed": _function(table, "removed", old="r", new="", source=" FROM told r", skip=_SKIP),
        "corelab_never_emptied": _EMPTIED,
    }


def triggers(table: Table) -> dict[str, str]:
    """Return the definitions by name. AFTER: what another trigger refuses or alters is told as it came to be."""
    name = table.name
    verbs = {
        "added": "AFTER INSERT ON {name} REFERENCING NEW TABLE AS told FOR EACH STATEMENT",
        "changed": f"AFTER UPDATE ON {{name}} FOR EACH ROW WHEN ({_differs(table.columns)})",
        "removed": "AFTER DELETE ON {name} REFERENCING OLD TABLE AS told FOR EACH STATEMENT",
    }
    found = {
        f"{name}_{word}": f"CREATE TRIGGER {name}_{word} {verb.format(name=name)} EXECUTE FUNCTION {name}_{word}()"
        for word, verb in verbs.items()
    }
    emptied = f"CREATE TRIGGER {name}_emptied BEFORE TRUNCATE ON {name} FOR EACH STATEMENT"
    return found | {f"{name}_emptied": f"{emptied} EXECUTE FUNCTION corelab_never_emptied()"}


def adopt(table: Table) -> str:
    """SQL that tells of every row that stands in the table already."""
    function = _function(table, "adopted", old="", new="r", source=f" FROM {table.name} r")
    body = function.split("$$")[1].replace("RETURN NULL;", "").replace("TG_OP", "'adopting'")
    return f"DO $$ {body.replace('TG_TABLE_NAME', repr(table.name))} $$"


def row(table: Table, alias: str) -> str:
    parts = ", ".join(f"'{column.name}', {key(column, alias)}" for column in table.columns)
    return f"json_build_object({parts})::text"


def key(column: Column, alias: str) -> str:
    return _text(column, f'{alias}."{column.name}"')


def _function(
    table: Table, word: str, *, old: str, new: str, source: str = "", skip: str = "", demand: str = ""
) -> str:
    at = new or old
    told = _TOLD.format(
        act=f"row.{word}",
        label=table.label,
        empty=_constant(""),
        before=_DIGEST.format(text="b") if old else _constant("{}"),
        after=_DIGEST.format(text="a") if new else _constant("{}"),
        context=", ".join(f"c->>'{name}'" for name in _CONTEXT),
        key=key(table.key, at),
        trial=table.trial.format(row=at),
        old=row(table, old) if old else "'{}'",
        new=row(table, new) if new else "'{}'",
        source=source,
    )
    return _FUNCTION.format(name=f"{table.name}_{word}", event=f"{_EVENT}{told}", skip=skip, demand=demand)


def _constant(text: str) -> str:
    return f"'\\x{sha256(text.encode()).hexdigest()}'::bytea"


def _differs(columns: tuple[Column, ...]) -> str:
    return " OR ".join(f'OLD."{column.name}" IS DISTINCT FROM NEW."{column.name}"' for column in columns)


def _text(column: Column, place: str) -> str:
    if column.is_digested:
        data = place if column.kind == "BinaryField" else f"convert_to({place}::text, 'UTF8')"
        return f"encode(sha256({data}), 'hex')"
    if column.kind == "DateTimeField":
        return f"to_char({place} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
    return f"{place}::text"
