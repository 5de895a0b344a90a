"""Resends and what they set aside, signed decisions on quarantine, and the calls of a site's DICOM line."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from audit.guards import append_only
from audit.watching.operation import watched
from trials.fences.operation import fenced

_SITE = "instance__series__study__time_point__subject__trial_site"
_OF_DELIVERY = "submission__trial_site"


class Migration(migrations.Migration):

    dependencies: ClassVar = [
        ('imaging', '0017_manifests'),
        ('trials', '0015_language'),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name='Call',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ae_title', models.CharField(max_length=16)),
                ('address', models.GenericIPAddressField()),
                ('at', models.DateTimeField()),
                ('result', models.CharField(choices=[('stored', 'images were taken'), ('partly', 'some images were taken, some were not'), ('refused', 'no image was taken'), ('quiet', 'answered; no image was sent'), ('not_bound', 'turned away: another address or certificate than registered, or the site is closed'), ('wrong_name', 'turned away: it called us by another AE title than ours'), ('too_many', 'turned away: too many associations at a time')], max_length=10)),
                ('stored', models.PositiveIntegerField(default=0)),
                ('refused', models.PositiveIntegerField(default=0)),
                ('trial_site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='calls', to='trials.trialsite')),
            ],
            options={
                'ordering': ['trial_site_id', '-id'],
            },
        ),
        migrations.CreateModel(
            name='Echo',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('host', models.GenericIPAddressField()),
                ('port', models.PositiveIntegerField()),
                ('ae_title', models.CharField(max_length=16)),
                ('asked_at', models.DateTimeField()),
                ('asked_by', models.CharField(max_length=150)),
                ('result', models.CharField(choices=[('waiting', 'is being tried'), ('answered', 'It answered: the line works in this direction.'), ('no_line', 'Nobody answered at that address and port. Is the receiver running, and does the firewall let us through to it?'), ('rejected', 'Somebody answered and turned us away. Are our AE title and address entered there, and is its own AE title the one that is registered here?'), ('not_the_one', 'Somebody answered, with another certificate than the one registered here.'), ('no_dicom', 'Something listens there and did not answer in DICOM. Is that the DICOM port, and is TLS on at both ends or at neither?'), ('no_echo', 'It took the call and does not answer a C-ECHO. Is verification switched on there?'), ('not_tried', 'Our DICOM node did not try in time. Tell the operator of this installation.')], default='waiting', max_length=12)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('trial_site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='echoes', to='trials.trialsite')),
            ],
            options={
                'ordering': ['trial_site_id', '-id'],
            },
        ),
        migrations.CreateModel(
            name='QuarantineDecision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('refusal_code', models.CharField(blank=True, max_length=40)),
                ('verdict', models.CharField(choices=[('sent_back', 'sent back: the site was asked, the files stay sealed'), ('destroyed', 'destroyed')], max_length=10)),
                ('files', models.PositiveIntegerField()),
                ('reason', models.TextField()),
                ('decided_by', models.CharField(max_length=150)),
                ('signature_id', models.UUIDField()),
                ('at', models.DateTimeField()),
                ('query', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='sent_back', to='imaging.query')),
                ('submission', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='quarantine_decisions', to='imaging.submission')),
            ],
            options={
                'ordering': ['submission_id', '-id'],
            },
        ),
        migrations.CreateModel(
            name='Resend',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('announced', 'announced'), ('taken_back', 'taken back'), ('done', 'done')], default='announced', max_length=10)),
                ('reason', models.TextField()),
                ('announced_at', models.DateTimeField()),
                ('announced_by', models.CharField(max_length=150)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('ended_by', models.CharField(blank=True, max_length=150)),
                ('submission', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='resends', to='imaging.submission')),
                ('successor', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='supersedes', to='imaging.submission')),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='SetAside',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('lifted_at', models.DateTimeField(blank=True, null=True)),
                ('instance', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='set_aside', to='imaging.instance')),
                ('resend', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='images', to='imaging.resend')),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.AddConstraint(
            model_name='resend',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('announced', 'done'))), fields=('submission',), name='delivery_is_superseded_once'),
        ),
        migrations.AddConstraint(
            model_name='setaside',
            constraint=models.UniqueConstraint(condition=models.Q(('lifted_at__isnull', True)), fields=('instance',), name='image_is_set_aside_once'),
        ),
        watched("imaging.Resend", trial=f"{_OF_DELIVERY}__trial"),
        watched("imaging.SetAside", trial=f"{_SITE}__trial"),
        watched("imaging.QuarantineDecision", trial=f"{_OF_DELIVERY}__trial"),
        watched("imaging.Call", trial="trial_site__trial"),
        watched("imaging.Echo", trial="trial_site__trial"),
        append_only("imaging_quarantinedecision"),
        fenced("imaging.Resend", trial=f"{_OF_DELIVERY}__trial", site=_OF_DELIVERY),
        fenced("imaging.SetAside", trial=f"{_SITE}__trial", site=_SITE),
        fenced("imaging.QuarantineDecision", trial=f"{_OF_DELIVERY}__trial", site=_OF_DELIVERY),
        fenced("imaging.Call", trial="trial_site__trial", site="trial_site"),
        fenced("imaging.Echo", trial="trial_site__trial", site="trial_site"),
    ]
