"""What every row event says alike moves into one trigger; those that stand are rewritten, and say what they said."""

import re
from typing import Any, ClassVar

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from audit.guards import Installing, runner
from audit.watching.operation import share

_STANDING = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%INTO audit_auditevent (layer%'"
# As they were written until now.
_EVENT = re.compile(
    r"INSERT INTO audit_auditevent \(layer, [^)]*\) SELECT 'row', ('[\w.]+'), strftime\('[^']+', 'now'\), ('[\w.]+'), "
    r"k, '', t, b, a, corelab_commit\(b, a\), (?:corelab_context\('\w+'\)(?:, )?)+ "
    r"FROM \(SELECT (.*) AS k, (.*) AS t, (.*) AS b, (.*) AS a\)"
)
_KEY = re.compile(
    r"""substr\(((?:NEW|OLD)\."\w+"), 1, 8\)"""
    + "".join(
        rf" \|\| '-' \|\| substr\(\1, {start}, {length}\)" for start, length in ((9, 4), (13, 4), (17, 4), (21, 12))
    )
)


def rewritten(text: str) -> str:
    told = _EVENT.sub(r"INSERT INTO audit_row VALUES (\1, \2, \3, \4, \5, \6)", text)
    return _KEY.sub(r"corelab_uuid(\1)", told)


def rewrite(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor != "sqlite":
        return
    share(runner(editor))
    with editor.connection.cursor() as cursor:
        standing = cursor.execute(_STANDING).fetchall()
    for name, text in standing:
        runner(editor)(f"DROP TRIGGER {name}")
        runner(editor)(rewritten(text))


class Migration(migrations.Migration):
    dependencies: ClassVar = [("audit", "0004_acts")]
    operations: ClassVar = [Installing(rewrite, Installing.noop)]
