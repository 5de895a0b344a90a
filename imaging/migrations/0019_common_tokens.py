"""Tokens of a delivery's person under the subject's common key, and what a gateway told of them beside the files."""

from typing import ClassVar

from django.db import migrations, models

from audit.watching.operation import watched


def _added(model: str, name: str, length: int) -> migrations.SeparateDatabaseAndState:
    """By hand: Django would build the table anew on SQLite, under the triggers of other tables that look into it."""
    table = f"imaging_{model}"
    return migrations.SeparateDatabaseAndState(
        database_operations=[
            migrations.RunSQL(
                f"ALTER TABLE {table} ADD COLUMN {name} varchar({length}) DEFAULT '' NOT NULL",
                f"ALTER TABLE {table} DROP COLUMN {name}",
            )
        ],
        state_operations=[
            migrations.AddField(
                model,
                name,
                models.CharField(blank=True, db_default="", default="", editable=False, max_length=length),
            )
        ],
    )


class Migration(migrations.Migration):
    dependencies: ClassVar = [("imaging", "0018_desk"), ("trials", "0019_common_tokens")]
    operations: ClassVar = [
        _added("submission", "common_patient_id_token", 64),
        _added("submission", "common_person_token", 64),
        _added("stowdelivery", "person", 129),
        watched(
            "imaging.Submission",
            trial="trial_site__trial",
            quiet=(
                "leased_until",
                "attempts",
                "active_at",
                "state_since",
                "bytes_received",
                "files_received",
                "patient_id_token",
                "person_token",
                "common_patient_id_token",
                "common_person_token",
                "own_patient_id_token",
                "own_person_token",
            ),
        ),
        watched(
            "imaging.StowDelivery", trial="submission__trial_site__trial", quiet=("mark", "person", "next_number")
        ),
    ]
