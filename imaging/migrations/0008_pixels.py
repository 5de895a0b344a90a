"""Pictures that wait for a person."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from audit.watching.operation import watched
from trials.fences.operation import fenced


class Migration(migrations.Migration):

    dependencies: ClassVar = [
        ('imaging', '0007_quotas'),
        ('trials', '0010_fenced'),
    ]

    operations: ClassVar = [
        migrations.AlterField(
            model_name='incomingfile',
            name='state',
            field=models.CharField(choices=[('received', 'received'), ('expanded', 'archive, opened'), ('cleaned', 'de-identified'), ('filed', 'filed'), ('waiting', 'waits for a person to look at its picture'), ('refused', 'refused, kept encrypted'), ('discarded', 'discarded')], default='received', max_length=20),
        ),
        migrations.AlterField(
            model_name='submission',
            name='state',
            field=models.CharField(choices=[('receiving', 'being received'), ('unassigned', 'waits for a person to name subject and time point'), ('received', 'received, encrypted, waits to be opened'), ('opened', 'opened, waits for de-identification'), ('cleaned', 'de-identified, waits for filing'), ('filed', 'filed, waits for quality checks'), ('checked', 'filed and checked'), ('review', 'waits for a person to look at its pictures'), ('quarantined', 'refused, kept encrypted'), ('stalled', 'stopped by a fault of ours, kept encrypted'), ('discarded', 'discarded')], default='receiving', max_length=20),
        ),
        migrations.CreateModel(
            name='PixelReview',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('waiting', 'waits for a person'), ('released', 'released'), ('refused', 'refused')], default='waiting', max_length=10)),
                ('doubts', models.JSONField(default=list)),
                ('frames', models.PositiveIntegerField(default=1)),
                ('firm', models.JSONField(default=list)),
                ('boxes', models.JSONField(default=list)),
                ('since', models.DateTimeField()),
                ('decided_by', models.CharField(blank=True, max_length=150)),
                ('signature_id', models.UUIDField(blank=True, null=True)),
                ('comment', models.TextField(blank=True)),
                ('file', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='pixel_review', to='imaging.incomingfile')),
            ],
            options={
                'ordering': ['since', 'id'],
            },
        ),
        watched("imaging.PixelReview", trial="file__submission__trial_site__trial"),
        fenced(
            "imaging.PixelReview", trial="file__submission__trial_site__trial", site="file__submission__trial_site"
        ),
    ]
