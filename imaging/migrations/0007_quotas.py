"""Shares of the room: counted files of a delivery, and what differs from the rule for all."""

import uuid
from typing import Any, ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from audit.actor import machine
from audit.context import acting
from audit.watching.operation import watched


def count_files(apps: Any, _editor: Any) -> None:
    submission, file = apps.get_model("imaging", "Submission"), apps.get_model("imaging", "IncomingFile")
    of_one = file.objects.filter(submission=models.OuterRef("pk"), inside__isnull=True).order_by()
    counted = of_one.values("submission").annotate(total=models.Count("pk")).values("total")
    with acting(machine("migrate", source="command", request_id=uuid.uuid4().hex)):
        submission.objects.update(files_received=models.functions.Coalesce(models.Subquery(counted), 0))


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("imaging", "0006_fenced"),
        ("trials", "0010_fenced"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations: ClassVar = [
        # By hand: Django would build the table anew on SQLite, under the triggers of other tables that look into it.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE imaging_submission ADD COLUMN files_received integer NOT NULL DEFAULT 0",
                    "ALTER TABLE imaging_submission DROP COLUMN files_received",
                )
            ],
            state_operations=[
                migrations.AddField("submission", "files_received", models.IntegerField(db_default=0, default=0))
            ],
        ),
        migrations.CreateModel(
            name="Quota",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("size", models.PositiveBigIntegerField(blank=True, null=True, verbose_name="bytes")),
                ("files", models.PositiveBigIntegerField(blank=True, null=True)),
                (
                    "deliveries",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="deliveries under way"),
                ),
                (
                    "person",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="quotas",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "trial",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="quotas", to="trials.trial"
                    ),
                ),
                (
                    "trial_site",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="quotas",
                        to="trials.trialsite",
                    ),
                ),
            ],
            options={
                "ordering": ["trial_id", "trial_site_id", "person_id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("trial_site__isnull", True), ("person__isnull", True), _connector="OR"
                        ),
                        name="quota_is_of_one_thing",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("person__isnull", True), ("trial_site__isnull", True)),
                        fields=("trial",),
                        name="quota_of_a_trial_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("trial_site__isnull", False)),
                        fields=("trial_site",),
                        name="quota_of_a_site_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("person__isnull", False)),
                        fields=("trial", "person"),
                        name="quota_of_a_person_once",
                    ),
                ],
            },
        ),
        migrations.RunPython(count_files, migrations.RunPython.noop),
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
            ),
        ),
        watched("imaging.Quota", trial="trial", reasoned=("size", "files", "deliveries")),
    ]
