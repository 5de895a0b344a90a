"""Scans taken out of analysis."""

import uuid
from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from audit.guards import append_only
from audit.watching.operation import watched


class Migration(migrations.Migration):
    dependencies: ClassVar = [("imaging", "0004_watched"), ("trials", "0007_consent")]
    operations: ClassVar = [
        migrations.CreateModel(
            name='Seclusion',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('moving', 'being taken out of the archive'), ('held', 'kept encrypted, out of analysis'), ('destroyed', 'destroyed; hashes are kept')], default='moving', max_length=10)),
                ('wrapped_key', models.BinaryField()),
                ('reason', models.TextField()),
                ('begun_at', models.DateTimeField()),
                ('begun_by', models.CharField(max_length=150)),
                ('subject', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='seclusion', to='trials.subject')),
            ],
            options={
                'ordering': ['-begun_at'],
            },
        ),
        migrations.CreateModel(
            name='SecludedInstance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('sha256', models.CharField(max_length=64)),
                ('size', models.BigIntegerField()),
                ('parts', models.JSONField(default=list)),
                ('instance', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='secluded', to='imaging.instance')),
                ('seclusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='images', to='imaging.seclusion')),
            ],
            options={
                'ordering': ['seclusion_id', 'number'],
            },
        ),
        migrations.CreateModel(
            name='SeclusionDecision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('side', models.CharField(choices=[('sponsor', 'sponsor'), ('data_protection_officer', 'data protection officer')], max_length=40)),
                ('reason', models.TextField()),
                ('decided_at', models.DateTimeField()),
                ('decided_by', models.CharField(max_length=150)),
                ('seclusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='imaging.seclusion')),
            ],
            options={
                'ordering': ['seclusion_id', 'id'],
                'constraints': [models.UniqueConstraint(fields=('seclusion', 'side'), name='destruction_decided_once_per_side')],
            },
        ),
        append_only("imaging_secludedinstance"),
        append_only("imaging_seclusiondecision"),
        watched("imaging.Seclusion", trial="subject__trial_site__trial"),
        watched("imaging.SecludedInstance", trial="seclusion__subject__trial_site__trial"),
        watched("imaging.SeclusionDecision", trial="seclusion__subject__trial_site__trial"),
    ]
