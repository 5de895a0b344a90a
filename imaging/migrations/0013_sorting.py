"""One state more: a delivery without a name is compared with subjects and visits before a person is asked."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies: ClassVar = [
        ("imaging", "0012_custody"),
    ]

    operations: ClassVar = [
        # Choices alone: no database is altered, so the triggers stand as they are.
        migrations.AlterField(
            model_name="submission",
            name="state",
            field=models.CharField(
                choices=[
                    ("receiving", "being received"),
                    ("sorting", "received, is compared with subjects and visits"),
                    ("unassigned", "waits for a person to name subject and time point"),
                    ("received", "received, encrypted, waits to be opened"),
                    ("opened", "opened, waits for de-identification"),
                    ("cleaned", "de-identified, waits for filing"),
                    ("filed", "filed, waits for quality checks"),
                    ("checked", "filed and checked"),
                    ("review", "waits for a person to look at its pictures"),
                    ("quarantined", "refused, kept encrypted"),
                    ("stalled", "stopped by a fault of ours, kept encrypted"),
                    ("discarded", "discarded"),
                ],
                default="receiving",
                max_length=20,
            ),
        ),
    ]
