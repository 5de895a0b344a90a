"""Reads voided with a reason."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from audit.guards import append_only
from audit.watching.operation import watched


class Migration(migrations.Migration):
    dependencies: ClassVar = [("endpoints", "0005_watched")]
    operations: ClassVar = [
        migrations.CreateModel(
            name='ReadVoid',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.TextField()),
                ('voided_at', models.DateTimeField()),
                ('voided_by', models.CharField(max_length=150)),
                ('read', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='void', to='endpoints.read')),
            ],
            options={
                'ordering': ['read_id'],
            },
        ),
        append_only("endpoints_readvoid"),
        watched("endpoints.ReadVoid", trial="read__assignment__time_point__subject__trial_site__trial"),
    ]
