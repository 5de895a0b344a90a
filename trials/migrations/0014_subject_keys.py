"""A key for each subject: trials that stand keep theirs for all, new ones derive one a subject; tokens under it, too."""

from typing import ClassVar

from django.db import migrations, models

from audit.watching.operation import watched


def _added(model: str, name: str, field: models.Field, *, column: str) -> migrations.SeparateDatabaseAndState:
    """By hand: Django would build the table anew on SQLite, under the triggers of other tables that look into it."""
    table = f"trials_{model}"
    return migrations.SeparateDatabaseAndState(
        database_operations=[
            migrations.RunSQL(f"ALTER TABLE {table} ADD COLUMN {name} {column}", f"ALTER TABLE {table} DROP COLUMN {name}")
        ],
        state_operations=[migrations.AddField(model, name, field)],
    )


def _token() -> models.CharField:
    return models.CharField(blank=True, db_default="", default="", editable=False, max_length=64)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trials", "0013_closures_arms"), ("audit", "0004_acts")]
    operations: ClassVar = [
        _added(
            "trial",
            "key_scheme",
            models.CharField(
                choices=[("trial", "one key for all subjects"), ("subject", "a key for each subject")],
                db_default="trial",
                default="subject",
                editable=False,
                max_length=10,
            ),
            column="varchar(10) DEFAULT 'trial' NOT NULL",
        ),
        _added("subject", "own_patient_id_token", _token(), column="varchar(64) DEFAULT '' NOT NULL"),
        _added("subject", "own_person_token", _token(), column="varchar(64) DEFAULT '' NOT NULL"),
        watched("trials.Trial", trial="self", reasoned=("code", "title", "protocol_number", "sponsor_id")),
        watched(
            "trials.Subject",
            trial="trial_site__trial",
            quiet=("patient_id_token", "person_token", "own_patient_id_token", "own_person_token"),
            reasoned=("trial_site_id", "code", "day_zero"),
        ),
    ]
