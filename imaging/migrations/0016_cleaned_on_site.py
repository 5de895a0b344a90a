"""Files that the site's browser cleaned: what it said of each, and tokens under the subject's own key."""

from typing import ClassVar

from django.db import migrations, models

from audit.watching.operation import watched


def _token(name: str) -> migrations.SeparateDatabaseAndState:
    """By hand: Django would build the table anew on SQLite, under the triggers of other tables that look into it."""
    return migrations.SeparateDatabaseAndState(
        database_operations=[
            migrations.RunSQL(
                f"ALTER TABLE imaging_submission ADD COLUMN {name} varchar(64) DEFAULT '' NOT NULL",
                f"ALTER TABLE imaging_submission DROP COLUMN {name}",
            )
        ],
        state_operations=[
            migrations.AddField(
                "submission",
                name,
                models.CharField(blank=True, db_default="", default="", editable=False, max_length=64),
            )
        ],
    )


class Migration(migrations.Migration):
    dependencies: ClassVar = [("imaging", "0015_index"), ("trials", "0014_subject_keys")]
    operations: ClassVar = [
        _token("own_patient_id_token"),
        _token("own_person_token"),
        migrations.AddField("incomingfile", "claim", models.JSONField(blank=True, null=True)),
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
                "own_patient_id_token",
                "own_person_token",
            ),
        ),
        watched(
            "imaging.IncomingFile",
            trial="submission__trial_site__trial",
            quiet=("parts", "part_hashes", "cleaned_parts", "facts", "inside", "size", "claim"),
        ),
    ]
