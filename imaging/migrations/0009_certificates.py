"""Certificates of de-identification."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from audit.guards import append_only
from audit.watching.operation import watched
from trials.fences.operation import fenced


class Migration(migrations.Migration):
    dependencies: ClassVar = [("imaging", "0007_quotas"), ("trials", "0011_profile")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="CleaningCertificate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("contents", models.TextField()),
                ("sha256", models.CharField(max_length=64)),
                ("at", models.DateTimeField()),
                (
                    "submission",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="certificate",
                        to="imaging.submission",
                    ),
                ),
            ],
            options={"ordering": ["-id"]},
        ),
        watched("imaging.CleaningCertificate", trial="submission__trial_site__trial", digested=("contents",)),
        append_only("imaging_cleaningcertificate"),
        fenced("imaging.CleaningCertificate", trial="submission__trial_site__trial", site="submission__trial_site"),
    ]
