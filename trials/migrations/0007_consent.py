"""Consent by module, version, site and language, checked by a second person; levels of withdrawal; restriction."""

from typing import ClassVar

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

from audit.guards import append_only, lifted
from audit.watching.operation import watched

_OF_SUBJECT = "subject__trial_site__trial"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trials", "0006_roles")]
    operations: ClassVar = [
        lifted("trials_consent"),
        migrations.AlterModelOptions(
            name="consentform",
            options={"ordering": ["trial_id", "-approved_on", "-id"]},
        ),
        migrations.AddField(
            model_name="consent",
            name="checks",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="consent",
            name="language",
            field=models.CharField(blank=True, max_length=6),
        ),
        migrations.AddField(
            model_name="consent",
            name="level",
            field=models.CharField(
                blank=True,
                choices=[
                    ("W1", "W1: leaves the treatment; imaging goes on"),
                    ("W2", "W2: no more procedures; scans of routine care may still be collected"),
                    ("W3", "W3: nothing more is collected; what is stored stays for the trial"),
                    ("W4", "W4: as W3, and no secondary use any more"),
                    ("W5", "W5: as W4, and the link to the person is erased"),
                    ("W6", "W6: there never was a valid consent; everything leaves the analysis"),
                ],
                max_length=2,
            ),
        ),
        migrations.AddField(
            model_name="consent",
            name="note",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name="consent",
            name="of",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="judged_by",
                to="trials.consent",
            ),
        ),
        migrations.AddField(
            model_name="consent",
            name="scan_pages",
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="consent",
            name="scan_sha256",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name="consentform",
            name="bases",
            field=models.JSONField(default=dict, verbose_name="legal basis of each"),
        ),
        migrations.AddField(
            model_name="consentform",
            name="mandatory",
            field=models.JSONField(default=list, verbose_name="without these nobody can take part"),
        ),
        migrations.AddField(
            model_name="consentform",
            name="reconsent",
            field=models.CharField(
                choices=[
                    ("none", "nobody who signed an earlier version must sign this one"),
                    ("ask", "who signed an earlier version is asked again; scans go on meanwhile"),
                    ("block", "who signed an earlier version must sign before the next scan"),
                ],
                default="none",
                max_length=10,
                verbose_name="those who signed earlier",
            ),
        ),
        migrations.AddField(
            model_name="consentform",
            name="supersedes",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="superseded_by",
                to="trials.consentform",
            ),
        ),
        migrations.AddField(
            model_name="consentform",
            name="valid_days",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="valid for so many days"),
        ),
        migrations.AlterField(
            model_name="consent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("asked", "asked"),
                    ("given", "given"),
                    ("refused", "refused"),
                    ("confirmed", "confirmed by a second person"),
                    ("rejected", "check failed"),
                    ("withdrawn", "withdrawn"),
                ],
                max_length=20,
            ),
        ),
        migrations.CreateModel(
            name="CollectionAllowance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("follow_up", "the scan was made in routine care, not as a procedure of the trial"),
                            ("earlier", "the scan was acquired before the withdrawal; the investigator confirms it"),
                        ],
                        max_length=10,
                    ),
                ),
                ("reason", models.TextField()),
                ("confirmed_at", models.DateTimeField()),
                ("confirmed_by", models.CharField(max_length=150)),
                (
                    "time_point",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="allowances", to="trials.timepoint"
                    ),
                ),
                (
                    "withdrawal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="allowances", to="trials.consent"
                    ),
                ),
            ],
            options={
                "ordering": ["time_point_id", "-id"],
            },
        ),
        migrations.CreateModel(
            name="Restriction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("restricted", "restricted"), ("lifted", "lifted")], max_length=10)),
                (
                    "ground",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("accuracy", "18(1)(a): the person contests that the data are right"),
                            ("unlawful", "18(1)(b): unlawful, but the person wants it kept rather than erased"),
                            ("claims", "18(1)(c): the person needs it for a legal claim"),
                            ("objection", "18(1)(d): the person objected, and it is being weighed"),
                        ],
                        max_length=10,
                    ),
                ),
                ("reason", models.TextField()),
                ("at", models.DateTimeField()),
                ("decided_by", models.CharField(max_length=150)),
                (
                    "subject",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="restrictions", to="trials.subject"
                    ),
                ),
            ],
            options={
                "ordering": ["subject_id", "-id"],
            },
        ),
        migrations.CreateModel(
            name="ConsentFormApproval",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "language",
                    models.CharField(
                        max_length=6,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z]{2,3}(-[A-Z]{2})?\\Z", "A language is written as es, or es-MX."
                            )
                        ],
                        verbose_name="language",
                    ),
                ),
                ("approved_on", models.DateField(verbose_name="approved for this site on")),
                ("recorded_at", models.DateTimeField()),
                ("recorded_by", models.CharField(max_length=150)),
                (
                    "form",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="approvals", to="trials.consentform"
                    ),
                ),
                (
                    "trial_site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="consent_approvals",
                        to="trials.trialsite",
                    ),
                ),
            ],
            options={
                "ordering": ["form_id", "trial_site_id", "language"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("form", "trial_site", "language"),
                        name="consent_form_approved_once_per_site_and_language",
                    )
                ],
            },
        ),
        append_only("trials_consent"),
        append_only("trials_consentform"),
        append_only("trials_consentformapproval"),
        append_only("trials_collectionallowance"),
        append_only("trials_restriction"),
        watched("trials.Consent", trial=_OF_SUBJECT),
        watched("trials.ConsentForm", trial="trial"),
        watched("trials.ConsentFormApproval", trial="form__trial"),
        watched("trials.CollectionAllowance", trial=f"time_point__{_OF_SUBJECT}"),
        watched("trials.Restriction", trial=_OF_SUBJECT),
    ]
