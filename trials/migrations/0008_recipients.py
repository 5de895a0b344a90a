"""Recipients with keys of their own."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from audit.watching.operation import watched


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trials", "0007_consent")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Recipient",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("sponsor", "sponsor"),
                            ("readers", "pool of readers"),
                            ("secondary", "holder of a permit for secondary use"),
                            ("other", "other"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                ("wrapped_key", models.BinaryField(editable=False)),
                (
                    "trial",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="recipients", to="trials.trial"
                    ),
                ),
            ],
            options={
                "ordering": ["trial_id", "kind", "name"],
                "constraints": [
                    models.UniqueConstraint(fields=["trial", "name"], name="recipient_name_is_unique"),
                ],
            },
        ),
        watched("trials.Recipient", trial="trial", reasoned=("trial_id", "kind", "name", "wrapped_key")),
    ]
