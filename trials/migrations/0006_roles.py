"""Roles of the table, who granted and ended them, and signed reviews of who may what."""

import datetime as dt
import uuid
from typing import Any, ClassVar

import django.db.models.deletion
from django.db import migrations, models

from audit.actor import machine
from audit.context import acting
from audit.guards import append_only
from audit.watching.operation import watched

_ROLES = (
    "coordinator",
    "site_staff",
    "qc_analyst",
    "reader",
    "monitor",
    "sponsor",
    "data_protection_officer",
    "adjudicator",
    "administrator",
    "inspector",
    "statistician",
)
_BY = "machine:migrate"


def _keep_granting(apps: Any, _editor: Any) -> None:
    """Let whoever could grant roles until now, as coordinator, go on as administrator as well: no trial is stuck."""
    today = dt.datetime.now(tz=dt.UTC).date()
    seats = apps.get_model("trials", "Membership").objects
    running = seats.filter(role="coordinator", user__is_active=True, starts__lte=today).filter(
        models.Q(ends__isnull=True) | models.Q(ends__gte=today)
    )
    with acting(machine("migrate", source="command", request_id=uuid.uuid4().hex)):
        for trial_id, user_id in running.values_list("trial_id", "user_id").distinct():
            seats.create(
                trial_id=trial_id,
                user_id=user_id,
                role="administrator",
                starts=today,
                granted_by=_BY,
                reason="Coordinators granted roles until administration became a role of its own.",
            )
            _group(apps, trial_id).user_set.add(user_id)


def _group(apps: Any, trial_id: int) -> Any:
    group, made = apps.get_model("auth", "Group").objects.get_or_create(name=f"trial:{trial_id}:administrator")
    if made:
        apps.get_model("trials", "TrialGroupObjectPermission").objects.create(
            group=group, content_object_id=trial_id, permission=_permission(apps)
        )
    return group


def _permission(apps: Any) -> Any:
    """Return the right that Django itself only makes once all migrations have run."""
    kind, _made = apps.get_model("contenttypes", "ContentType").objects.get_or_create(app_label="trials", model="trial")
    found, _made = apps.get_model("auth", "Permission").objects.get_or_create(
        codename="as_administrator", content_type=kind, defaults={"name": "administrator"}
    )
    return found


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("trials", "0005_sign_in"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations: ClassVar = [
        migrations.AlterModelOptions(
            name="trial",
            options={
                "ordering": ["code"],
                "permissions": [(f"as_{role}", role) for role in _ROLES if role != "site_staff"],
            },
        ),
        migrations.AddField(
            "membership",
            "granted_by",
            models.CharField(blank=True, default="", max_length=150, verbose_name="granted by"),
            preserve_default=False,
        ),
        migrations.AddField(
            "membership",
            "reason",
            models.CharField(blank=True, default="", max_length=500, verbose_name="granted because"),
            preserve_default=False,
        ),
        migrations.AddField(
            "membership",
            "ended_by",
            models.CharField(blank=True, default="", max_length=150, verbose_name="ended by"),
            preserve_default=False,
        ),
        migrations.AlterField(
            "membership",
            "role",
            models.CharField(choices=[(role, role.replace("_", " ")) for role in _ROLES], max_length=30),
        ),
        migrations.AddConstraint(
            "membership",
            models.CheckConstraint(
                condition=~models.Q(role="inspector") | models.Q(ends__isnull=False),
                name="membership_of_an_inspector_has_an_end",
            ),
        ),
        migrations.CreateModel(
            name="AccessReview",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField(verbose_name="number")),
                ("contents", models.JSONField(verbose_name="contents")),
                ("reviewer_id", models.CharField(max_length=150, verbose_name="account")),
                ("reviewer_name", models.CharField(max_length=200, verbose_name="reviewed by")),
                ("record_sha256", models.CharField(max_length=64)),
                ("at", models.DateTimeField(verbose_name="at")),
                ("kept", models.PositiveIntegerField(verbose_name="kept")),
                ("ended", models.PositiveIntegerField(verbose_name="ended")),
                (
                    "trial",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="access_reviews",
                        to="trials.trial",
                    ),
                ),
            ],
            options={"ordering": ["trial_id", "-number"]},
        ),
        migrations.AddConstraint(
            "accessreview",
            models.UniqueConstraint(fields=("trial", "number"), name="access_review_is_numbered_once"),
        ),
        append_only("trials_accessreview"),
        watched("trials.AccessReview", trial="trial"),
        watched(
            "trials.Membership",
            trial="trial",
            reasoned=(
                "user_id",
                "trial_id",
                "trial_site_id",
                "role",
                "starts",
                "ends",
                "granted_by",
                "reason",
                "ended_by",
            ),
        ),
        migrations.RunPython(_keep_granting, migrations.RunPython.noop),
    ]
