"""More time for requests."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from audit.guards import append_only
from audit.watching.operation import watched
from trials.fences.operation import fenced


class Migration(migrations.Migration):

    dependencies: ClassVar = [
        ('privacy', '0002_fenced'),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name='RequestExtension',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('months', models.PositiveSmallIntegerField(verbose_name='further months')),
                ('reason', models.TextField(verbose_name='reason')),
                ('told_on', models.DateField(verbose_name='the person was told on')),
                ('due_before', models.DateField(verbose_name='due before')),
                ('due_on', models.DateField(verbose_name='due now')),
                ('by', models.CharField(max_length=150, verbose_name='recorded by')),
                ('at', models.DateTimeField(verbose_name='recorded at')),
                ('request', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='extension', to='privacy.request')),
            ],
            options={
                'ordering': ['request_id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('months__gte', 1), ('months__lte', 2), ('told_on__lte', models.F('due_before'))), name='request_extension_is_legal')],
            },
        ),
        append_only("privacy_requestextension"),
        watched("privacy.RequestExtension", trial="request__subject__trial_site__trial"),
        fenced("privacy.RequestExtension", trial="request__subject__trial_site__trial"),
    ]
