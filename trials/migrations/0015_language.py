"""The language an account is spoken to in."""

from typing import ClassVar

from django.db import migrations, models

from audit.watching.operation import watched


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trials", "0014_subject_keys")]
    operations: ClassVar = [
        # By hand: Django would build the table anew on SQLite, under the triggers of other tables that look into it.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE trials_user ADD COLUMN language varchar(10) NOT NULL DEFAULT ''",
                    "ALTER TABLE trials_user DROP COLUMN language",
                )
            ],
            state_operations=[
                migrations.AddField(
                    "user",
                    "language",
                    models.CharField(blank=True, db_default="", default="", max_length=10, verbose_name="language"),
                )
            ],
        ),
        watched("trials.User", quiet=("last_login", "language"), digested=("password",)),
    ]
