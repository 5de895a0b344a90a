"""DICOM tools of the core laboratory, and where a site's sender listens for reports of storage commitment."""

from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from audit.watching.operation import watched
from trials.fences.operation import fenced


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("imaging", "0013_sorting"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Tool",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("label", models.CharField(max_length=80, verbose_name="tool")),
                ("ae_title", models.CharField(max_length=16, verbose_name="DICOM AE title")),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("read", "looks at images"),
                            ("compute", "computes from images"),
                            ("export", "hands images on to the sponsor"),
                        ],
                        max_length=10,
                    ),
                ),
                ("certificate_sha256", models.CharField(blank=True, max_length=64)),
                ("networks", models.JSONField()),
                ("host", models.GenericIPAddressField(blank=True, null=True)),
                ("port", models.PositiveIntegerField(blank=True, null=True)),
                ("granted_at", models.DateTimeField()),
                ("granted_by", models.CharField(max_length=150)),
                ("reason", models.TextField()),
                ("ends_on", models.DateField(verbose_name="last day")),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_by", models.CharField(blank=True, max_length=150)),
                (
                    "holder",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tools",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "trial",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="tools", to="trials.trial"
                    ),
                ),
            ],
            options={
                "ordering": ["trial_id", "-granted_at"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("revoked_at__isnull", True)),
                        fields=("ae_title",),
                        name="tool_ae_title_is_unique",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("host__isnull", True), ("port__isnull", True)),
                            models.Q(("host__isnull", False), ("port__gt", 0), ("port__lt", 65536)),
                            _connector="OR",
                        ),
                        name="tool_listens_at_host_and_port",
                    ),
                ],
            },
        ),
        watched("imaging.Tool", trial="trial", reasoned=("revoked_at",)),
        fenced("imaging.Tool", trial="trial"),
        migrations.AddField("door", "host", models.GenericIPAddressField(blank=True, null=True)),
        migrations.AddField("door", "port", models.PositiveIntegerField(blank=True, null=True)),
        watched("imaging.Door", trial="trial_site__trial", reasoned=("certificate_sha256", "networks", "host", "port")),
    ]
