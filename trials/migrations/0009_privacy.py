"""The ledger of what left, and clocks of retention."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

from audit.guards import append_only
from audit.watching.operation import watched


class Migration(migrations.Migration):

    dependencies = [("trials", "0008_recipients"), ("audit", "0003_trail")]

    operations = [
        migrations.CreateModel(
            name='Disclosure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('report', 'report'), ('results', 'results as data'), ('trail', 'audit trail'), ('access', 'access package for the subject'), ('secondary', 'secondary use')], max_length=12, verbose_name='kind')),
                ('recipient', models.CharField(max_length=200, verbose_name='recipient')),
                ('purpose', models.CharField(max_length=300, verbose_name='purpose')),
                ('what', models.CharField(max_length=200, verbose_name='what was handed out')),
                ('sha256', models.CharField(max_length=64, verbose_name='SHA-256')),
                ('subjects', models.TextField(blank=True, verbose_name='subjects')),
                ('modules', models.JSONField(default=list, verbose_name='modules of consent')),
                ('permit', models.CharField(blank=True, max_length=60, verbose_name='permit')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('by', models.CharField(max_length=150, verbose_name='handed out by')),
                ('trial', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='disclosures', to='trials.trial')),
            ],
            options={
                'verbose_name': 'disclosure',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Retention',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('years', models.PositiveSmallIntegerField(default=25, validators=[django.core.validators.MinValueValidator(25), django.core.validators.MaxValueValidator(100)], verbose_name='years after the end of the trial')),
                ('rule', models.CharField(max_length=200, verbose_name='legal rule')),
                ('ended_on', models.DateField(blank=True, null=True, verbose_name='last day of the trial')),
                ('trial', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='retention', to='trials.trial')),
            ],
            options={
                'verbose_name': 'retention clock',
                'ordering': ['trial_id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('years__gte', 25), ('years__lte', 100)), name='retention_is_legal')],
            },
        ),
        watched("trials.Disclosure", trial="trial"),
        append_only("trials_disclosure"),
        watched("trials.Retention", trial="trial", reasoned=("years", "rule", "ended_on")),
    ]
