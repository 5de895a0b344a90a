"""De-identification profiles, and whether a trial measures SUV."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from audit.guards import frozen
from audit.watching.operation import watched
from trials.fences.operation import fenced

_FROZEN = ("approved", "superseded")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trials", "0010_fenced")]
    operations: ClassVar = [
        # By hand: Django would build the table anew on SQLite, under the triggers of other tables that look into it.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE trials_charter ADD COLUMN measures_suv bool NOT NULL DEFAULT false",
                    "ALTER TABLE trials_charter DROP COLUMN measures_suv",
                )
            ],
            state_operations=[
                migrations.AddField(
                    "charter",
                    "measures_suv",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        verbose_name="standardised uptake values (SUV) are measured in PET images",
                    ),
                )
            ],
        ),
        migrations.CreateModel(
            name="DeidProfile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("options", models.JSONField(blank=True, default=list, verbose_name="options")),
                (
                    "unknown_objects",
                    models.CharField(
                        max_length=10, verbose_name="kinds of objects that the standard's tables do not know"
                    ),
                ),
                ("words", models.JSONField(blank=True, default=list, verbose_name="words that may stay in descriptions")),
                ("tags", models.JSONField(blank=True, default=list, verbose_name="single attributes")),
                ("tried_sha256", models.CharField(blank=True, max_length=64)),
                (
                    "charter",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="profile", to="trials.charter"
                    ),
                ),
            ],
            options={
                "verbose_name": "de-identification profile",
                "ordering": ["charter_id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("unknown_objects__in", ("refuse", "generic"))),
                        name="deid_profile_knows_what_to_do",
                    )
                ],
            },
        ),
        frozen("trials_charter", states=_FROZEN, move=_FROZEN),
        frozen(
            "trials_deidprofile",
            states=_FROZEN,
            owner="SELECT state FROM trials_charter WHERE id = {row}.charter_id",
        ),
        watched(
            "trials.Charter",
            trial="trial",
            reasoned=(
                "criteria",
                "confirmation_required",
                "confirmation_days",
                "minimum_sd_days",
                "volumetry",
                "radiomics",
                "measures_suv",
                "retain_patient_characteristics",
            ),
        ),
        watched(
            "trials.DeidProfile",
            trial="charter__trial",
            reasoned=("options", "unknown_objects", "words", "tags"),
        ),
        fenced("trials.DeidProfile", trial="charter__trial"),
    ]
