"""Tokens by which a hospital's machines send."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from audit.watching.operation import watched
from trials.fences.operation import fenced


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trials", "0011_profile"), ("audit", "0003_trail")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="SiteToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("label", models.CharField(max_length=80, verbose_name="sending system")),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("granted_at", models.DateTimeField()),
                ("granted_by", models.CharField(max_length=150)),
                ("reason", models.TextField()),
                ("ends_on", models.DateField(verbose_name="last day")),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_by", models.CharField(blank=True, max_length=150)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "trial_site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="tokens", to="trials.trialsite"
                    ),
                ),
            ],
            options={"ordering": ["trial_site_id", "-granted_at"]},
        ),
        watched(
            "trials.SiteToken",
            trial="trial_site__trial",
            quiet=("last_used_at",),
            digested=("digest",),
            reasoned=("revoked_at",),
        ),
        fenced("trials.SiteToken", trial="trial_site__trial", site="trial_site"),
    ]
