"""Sessions and the doors of sign-in."""

import uuid
from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from audit.watching.operation import watched


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trials", "0004_watched")]
    operations: ClassVar = [
        migrations.AddField(
            "user", "must_change_password", models.BooleanField(default=False, editable=False)
        ),
        migrations.AddField("user", "awaits_vouching", models.BooleanField(default=False, editable=False)),
        migrations.CreateModel(
            name="AccountSession",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("started_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
                ("address", models.CharField(blank=True, max_length=45)),
                ("browser", models.CharField(blank=True, max_length=60)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "ending",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("signed_out", "signed out"),
                            ("idle", "not used for too long"),
                            ("absolute", "open for too long"),
                            ("by_holder", "ended from another session"),
                            ("by_operator", "ended by the operator"),
                            ("password", "the password changed"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="account_sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-last_seen_at"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at__isnull", True)), fields=["user"], name="account_session_open"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ProviderLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("issuer", models.CharField(max_length=255)),
                ("subject", models.CharField(max_length=255, verbose_name="subject")),
                ("linked_at", models.DateTimeField()),
                ("linked_by", models.CharField(max_length=150)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="provider_links",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["linked_at"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("issuer", "subject"), name="identity_elsewhere_opens_one_account"
                    ),
                    models.UniqueConstraint(
                        fields=("user", "issuer"), name="account_has_one_identity_at_an_issuer"
                    ),
                ],
            },
        ),
        watched("trials.AccountSession", quiet=("last_seen_at", "address", "browser")),
        watched("trials.ProviderLink", quiet=("last_used_at",), digested=("subject",)),
        watched("trials.User", quiet=("last_login",), digested=("password",)),
    ]
