"""What a browser announces before it sends."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from audit.watching.operation import watched
from trials.fences.operation import fenced


class Migration(migrations.Migration):
    dependencies: ClassVar = [("imaging", "0016_cleaned_on_site")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Manifest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first", models.PositiveIntegerField()),
                ("count", models.PositiveIntegerField()),
                ("contents", models.JSONField()),
                (
                    "submission",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="manifests",
                        to="imaging.submission",
                    ),
                ),
            ],
            options={
                "ordering": ["submission_id", "first"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("submission", "first"), name="manifest_numbers_each_file_once"
                    ),
                ],
            },
        ),
        watched("imaging.Manifest", trial="submission__trial_site__trial", quiet=("contents",)),
        fenced("imaging.Manifest", trial="submission__trial_site__trial", site="submission__trial_site"),
    ]
