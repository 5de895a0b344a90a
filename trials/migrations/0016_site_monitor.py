"""The monitor of a site, who stands on it as its staff does; the database looks up memberships by the roles of today."""

from typing import ClassVar

from django.db import migrations, models

from audit.watching.operation import watched
from trials.fences.operation import lookups

_OF_A_SITE = ["site_monitor", "site_staff"]
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
    "site_monitor",
)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trials", "0015_language")]
    operations: ClassVar = [
        migrations.AlterModelOptions(
            name="trialsite",
            options={
                "ordering": ["trial_id", "number"],
                "permissions": [("as_site_staff", "site_staff"), ("as_site_monitor", "site_monitor")],
            },
        ),
        migrations.RemoveConstraint("membership", "membership_stands_on_site_only_for_site_staff"),
        migrations.AlterField(
            "membership",
            "role",
            models.CharField(choices=[(role, role.replace("_", " ")) for role in _ROLES], max_length=30),
        ),
        migrations.AddConstraint(
            "membership",
            models.CheckConstraint(
                condition=models.Q(role__in=_OF_A_SITE, trial_site__isnull=False)
                | (~models.Q(role__in=_OF_A_SITE) & models.Q(trial_site__isnull=True)),
                name="membership_stands_on_a_site_for_roles_of_a_site",
            ),
        ),
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
        lookups(),
    ]
