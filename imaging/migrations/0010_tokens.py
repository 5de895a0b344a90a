"""Deliveries by DICOMweb, and the tokens they came by."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from audit.watching.operation import watched
from trials.fences.operation import fenced


class Migration(migrations.Migration):
    dependencies: ClassVar = [("imaging", "0009_certificates"), ("trials", "0012_tokens")]
    operations: ClassVar = [
        # Words only: the column stays as it is, so its triggers do.
        migrations.AlterField(
            "submission",
            "door",
            models.CharField(
                choices=[("browser", "browser"), ("dicom", "DICOM"), ("web", "DICOMweb")], max_length=10
            ),
        ),
        migrations.CreateModel(
            name="StowDelivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mark", models.CharField(blank=True, editable=False, max_length=64)),
                ("next_number", models.PositiveIntegerField(default=0)),
                (
                    "submission",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="stow", to="imaging.submission"
                    ),
                ),
                (
                    "token",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="trials.sitetoken",
                    ),
                ),
            ],
            options={"ordering": ["id"]},
        ),
        watched("imaging.StowDelivery", trial="submission__trial_site__trial", quiet=("mark", "next_number")),
        fenced("imaging.StowDelivery", trial="submission__trial_site__trial", site="submission__trial_site"),
    ]
