"""The migration operations that fence rows on PostgreSQL: `fenced("app.Model", trial=..., site=..., owner=...)`.

Name `fenced` for every new table with a road, with the paths of that road and what its `fence` says, in the migration
that makes the table or a later one; and again after a migration that changes a foreign key on the road. Name
`lookups()` again after a change of `trials.roles`: the database knows the roles by it. A test compares both with what
models and roles of today say. On SQLite, which has one user, all of it does nothing.
"""

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Model

from audit.actor import machine
from audit.context import acting
from audit.guards import Installing
from trials.fences import anchors, functions
from trials.fences.policies import TRAIL, open_again, opened, policies, trail_policies
from trials.fences.tables import Fence, Way

Statements = Callable[[Any, str], Sequence[str]]


def fenced(
    model: str,
    *,
    trial: str,
    site: str = "",
    owner: str = "",
    shared: bool = False,
    blinded: bool = False,
    anchored: bool = False,
) -> Installing:
    """Return the operation that fences the table of app.Model, in place of whatever fenced it before.

    `trial`, `site` and `owner` are the lookup paths of the model's road; `shared`, `blinded` and `anchored` what its
    `fence` says (see trials.fences.tables). Rows are then seen, written and removed by machines of ours and by persons
    whose membership of today reaches them; by nobody else, the owner of the table included.
    """
    way = Way(trial=trial, site=site, owner=owner, fence=Fence(shared=shared, blinded=blinded, anchored=anchored))
    return _operation(
        lambda apps, _schema: policies(_model(apps, model), way),
        lambda apps, _schema: open_again(_model(apps, model), way),
    )


def held(model: str, field: str) -> Installing:
    """Return the operation that refuses to move rows of app.Model by a foreign key: anchored rows hang on them."""
    return _operation(
        lambda apps, _schema: anchors.held(_model(apps, model), field),
        lambda apps, _schema: anchors.released(_model(apps, model)),
    )


def lookups() -> Installing:
    """Return the operation that tells the database how to look up a person's memberships."""
    return _operation(lambda _apps, schema: functions.lookups(schema=schema), _nothing)


def cases(assignments: str) -> Installing:
    """Return the operation that names the table by whose rows (time_point_id, reader_id) a reader has cases.

    "" for none: the floor that assigns stands above this one, and names its table itself.
    """
    return _operation(
        lambda _apps, schema: functions.cases(assignments, schema=schema),
        lambda _apps, schema: functions.cases("", schema=schema),
    )


def trail_fenced() -> Installing:
    """Return the operation that fences the tables of the trail that name a trial."""
    return _operation(
        lambda _apps, _schema: trail_policies(),
        lambda _apps, _schema: [statement for table in TRAIL for statement in opened(table)],
    )


def _operation(forwards: Statements, backwards: Statements) -> Installing:
    return Installing(_runner(forwards), _runner(backwards))


def _runner(statements: Statements) -> Callable[[Any, BaseDatabaseSchemaEditor], None]:
    def run(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor != "postgresql":
            return
        # Foreign keys wait for their check until commit, and a table with waiting checks is not altered.
        editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with acting(machine("migrate", source="command", request_id=uuid.uuid4().hex)):
            for statement in statements(apps, _schema(editor)):
                # No parameters: a policy may hold % signs.
                editor.execute(statement, params=None)

    return run


def _schema(editor: BaseDatabaseSchemaEditor) -> str:
    with editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (name,) = cursor.fetchone()
    return str(name)


def _nothing(_apps: Any, _schema: str) -> Sequence[str]:
    # Policies may still ask; the functions go with the schema.
    return ()


def _model(apps: Any, name: str) -> type[Model]:
    model: type[Model] = apps.get_model(*name.split("."))
    return model
