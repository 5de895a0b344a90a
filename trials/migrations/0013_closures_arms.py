"""Closing of data, and arms."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from audit.guards import append_only
from audit.watching.operation import watched
from trials.fences.operation import fenced


class Migration(migrations.Migration):

    dependencies: ClassVar = [('trials', '0012_tokens'), ('audit', '0004_acts')]

    operations: ClassVar = [
        migrations.CreateModel(
            name='SubjectArm',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sealed', models.BinaryField(verbose_name='sealed arm')),
                ('reason', models.TextField(blank=True, verbose_name='reason')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('by', models.CharField(max_length=150, verbose_name='recorded by')),
                ('subject', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='arms', to='trials.subject')),
            ],
            options={
                'ordering': ['subject_id', '-id'],
            },
        ),
        migrations.CreateModel(
            name='Closure',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField(verbose_name='number')),
                ('kind', models.CharField(choices=[('closed', 'closed for edits'), ('asked', 'opening again asked for'), ('opened', 'opened again for a time')], max_length=10, verbose_name='step')),
                ('cut_off', models.DateField(blank=True, null=True, verbose_name='cut-off')),
                ('hours', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='hours')),
                ('until', models.DateTimeField(blank=True, null=True, verbose_name='until')),
                ('reason', models.TextField(verbose_name='reason')),
                ('by', models.CharField(max_length=150, verbose_name='account')),
                ('by_name', models.CharField(max_length=200, verbose_name='signed by')),
                ('record_sha256', models.CharField(max_length=64)),
                ('at', models.DateTimeField(verbose_name='at')),
                ('trial', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='closures', to='trials.trial')),
            ],
            options={
                'ordering': ['trial_id', '-number'],
                'constraints': [models.UniqueConstraint(fields=('trial', 'number'), name='closure_is_numbered_once'), models.CheckConstraint(condition=models.Q(models.Q(('cut_off__isnull', False), ('kind', 'closed')), models.Q(('hours__isnull', False), ('kind', 'asked')), models.Q(('hours__isnull', False), ('kind', 'opened'), ('until__isnull', False)), _connector='OR'), name='closure_says_what_its_step_needs')],
            },
        ),
        append_only("trials_closure"),
        watched("trials.Closure", trial="trial"),
        fenced("trials.Closure", trial="trial", shared=True),
        append_only("trials_subjectarm"),
        watched("trials.SubjectArm", trial="subject__trial_site__trial"),
        fenced(
            "trials.SubjectArm", trial="subject__trial_site__trial", site="subject__trial_site", blinded=True
        ),
    ]
