"""Scrubs of the archive, what they found damaged, and images whose identity is filed with other content."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from audit.watching.operation import watched
from trials.fences.operation import fenced

_SITE = "instance__series__study__time_point__subject__trial_site"
_TRIAL = f"{_SITE}__trial"


class Migration(migrations.Migration):

    dependencies: ClassVar = [
        ("imaging", "0011_fenced_quotas"),
        ("trials", "0012_tokens"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name='Scrub',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('cursor', models.CharField(blank=True, max_length=64)),
                ('objects_read', models.BigIntegerField(default=0)),
                ('bytes_read', models.BigIntegerField(default=0)),
                ('changed', models.IntegerField(default=0)),
                ('missing', models.IntegerField(default=0)),
                ('orphans', models.JSONField(default=list)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Conflict',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('open', 'waits for a decision'), ('kept', 'the filed one stands, the other is discarded'), ('asked', 'both set aside, the site was asked')], default='open', max_length=10)),
                ('found_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('decided_by', models.CharField(blank=True, max_length=150)),
                ('reason', models.TextField(blank=True)),
                ('file', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='conflict', to='imaging.incomingfile')),
                ('instance', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='conflicts', to='imaging.instance')),
            ],
            options={
                'ordering': ['instance_id', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Damage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('changed', 'changed on disk'), ('missing', 'missing')], max_length=10)),
                ('found_at', models.DateTimeField()),
                ('mended_at', models.DateTimeField(blank=True, null=True)),
                ('instance', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='damages', to='imaging.instance')),
            ],
            options={
                'ordering': ['-found_at', 'id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('mended_at__isnull', True)), fields=('instance',), name='damage_stands_once')],
            },
        ),
        migrations.CreateModel(
            name="Door",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("certificate_sha256", models.CharField(blank=True, max_length=64)),
                ("networks", models.JSONField(blank=True, default=list)),
                (
                    "trial_site",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dicom_door",
                        to="trials.trialsite",
                    ),
                ),
            ],
            options={"ordering": ["trial_site_id"]},
        ),
        watched("imaging.Door", trial="trial_site__trial", reasoned=("certificate_sha256", "networks")),
        watched("imaging.Scrub", quiet=("cursor", "objects_read", "bytes_read", "changed", "missing", "orphans")),
        watched("imaging.Damage", trial=_TRIAL),
        watched("imaging.Conflict", trial=_TRIAL, reasoned=("state",)),
        fenced("imaging.Door", trial="trial_site__trial", site="trial_site"),
        fenced("imaging.Damage", trial=_TRIAL, site=_SITE, blinded=True),
        fenced("imaging.Conflict", trial=_TRIAL, site=_SITE, blinded=True),
    ]
