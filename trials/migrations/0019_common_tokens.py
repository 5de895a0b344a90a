"""Tokens of a subject's person under the subject's common key, which browser, gateway and every door here have alike."""

from typing import ClassVar

from django.db import migrations, models

from audit.watching.operation import watched


def _token(name: str) -> migrations.SeparateDatabaseAndState:
    """By hand: Django would build the table anew on SQLite, under the triggers of other tables that look into it."""
    return migrations.SeparateDatabaseAndState(
        database_operations=[
            migrations.RunSQL(
                f"ALTER TABLE trials_subject ADD COLUMN {name} varchar(64) DEFAULT '' NOT NULL",
                f"ALTER TABLE trials_subject DROP COLUMN {name}",
            )
        ],
        state_operations=[
            migrations.AddField(
                "subject",
                name,
                models.CharField(blank=True, db_default="", default="", editable=False, max_length=64),
            )
        ],
    )


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trials", "0018_key_scheme"), ("audit", "0004_acts")]
    operations: ClassVar = [
        _token("common_patient_id_token"),
        _token("common_person_token"),
        watched(
            "trials.Subject",
            trial="trial_site__trial",
            quiet=(
                "patient_id_token",
                "person_token",
                "common_patient_id_token",
                "common_person_token",
                "own_patient_id_token",
                "own_person_token",
            ),
            reasoned=("trial_site_id", "code", "day_zero"),
        ),
    ]
