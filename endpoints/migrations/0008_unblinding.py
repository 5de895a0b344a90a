"""The register of unblindings."""

from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from audit.guards import append_only
from audit.watching.operation import watched
from trials.fences.operation import fenced


class Migration(migrations.Migration):

    dependencies: ClassVar = [
        ('endpoints', '0007_fenced'),
        ('trials', '0013_closures_arms'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name='Unblinding',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField(verbose_name='number')),
                ('kind', models.CharField(choices=[('planned', 'planned'), ('accidental', 'accidental'), ('emergency', 'emergency')], max_length=12, verbose_name='kind')),
                ('happened_on', models.DateField(verbose_name='happened on')),
                ('who', models.CharField(max_length=500, verbose_name='who learned of it, and from whom')),
                ('known', models.TextField(verbose_name='what kind of thing became known')),
                ('impact', models.TextField(verbose_name='impact on reads and analysis')),
                ('action', models.TextField(verbose_name='action taken')),
                ('subjects', models.JSONField(default=list, verbose_name='subjects')),
                ('readers', models.JSONField(default=list, verbose_name='readers')),
                ('by', models.CharField(max_length=150, verbose_name='account')),
                ('by_name', models.CharField(max_length=200, verbose_name='signed by')),
                ('record_sha256', models.CharField(max_length=64)),
                ('at', models.DateTimeField(verbose_name='at')),
                ('trial', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='unblindings', to='trials.trial')),
            ],
            options={
                'ordering': ['trial_id', '-number'],
            },
        ),
        migrations.CreateModel(
            name='UnblindedCase',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('decision', models.CharField(choices=[('waiting', 'waits for a decision'), ('go_on', 'reads on'), ('stop', 'reads this subject no more')], default='waiting', max_length=10, verbose_name='decision')),
                ('reason', models.TextField(blank=True, verbose_name='reason')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided at')),
                ('decided_by', models.CharField(blank=True, max_length=150, verbose_name='decided by')),
                ('reader', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='unblinded', to=settings.AUTH_USER_MODEL)),
                ('subject', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='unblinded', to='trials.subject')),
                ('unblinding', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cases', to='endpoints.unblinding')),
            ],
            options={
                'ordering': ['unblinding_id', 'subject_id', 'reader_id'],
            },
        ),
        migrations.AddConstraint(
            model_name='unblinding',
            constraint=models.UniqueConstraint(fields=('trial', 'number'), name='unblinding_is_numbered_once'),
        ),
        migrations.AddConstraint(
            model_name='unblindedcase',
            constraint=models.UniqueConstraint(fields=('unblinding', 'subject', 'reader'), name='unblinded_case_once_per_entry'),
        ),
        migrations.AddConstraint(
            model_name='unblindedcase',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('decision', 'waiting')), models.Q(models.Q(('decision', 'waiting'), _negated=True), ('decided_at__isnull', False), models.Q(('reason', ''), _negated=True)), _connector='OR'), name='unblinded_case_decided_has_a_reason'),
        ),
        append_only("endpoints_unblinding"),
        watched("endpoints.Unblinding", trial="trial"),
        fenced("endpoints.Unblinding", trial="trial"),
        watched(
            "endpoints.UnblindedCase",
            trial="unblinding__trial",
            reasoned=("unblinding_id", "subject_id", "reader_id", "decision", "reason"),
        ),
        fenced("endpoints.UnblindedCase", trial="unblinding__trial"),
    ]
