"""Requests, erasures, breaches, permits and the registers."""

import django.db.models.deletion
import uuid
from django.db import migrations, models

from audit.guards import append_only
from audit.watching.operation import watched


class Migration(migrations.Migration):

    initial = True

    dependencies = [("trials", "0009_privacy"), ("audit", "0003_trail")]

    operations = [
        migrations.CreateModel(
            name='Breach',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=200, verbose_name='what happened, in one line')),
                ('known_at', models.DateTimeField(verbose_name='known since (UTC)')),
                ('subjects', models.TextField(blank=True, verbose_name='affected subjects')),
                ('opened_by', models.CharField(max_length=150)),
                ('opened_at', models.DateTimeField()),
                ('trial', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='breaches', to='trials.trial')),
            ],
            options={
                'verbose_name': 'breach',
                'ordering': ['-known_at'],
            },
        ),
        migrations.CreateModel(
            name='BreachEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('facts', 'facts and likely consequences'), ('measure', 'measure taken or planned'), ('authority', 'authority told (article 33)'), ('no-notice', 'authority not told: no risk to people, and why'), ('persons', 'persons told (article 34)'), ('closed', 'closed')], max_length=12, verbose_name='kind')),
                ('happened_at', models.DateTimeField(verbose_name='done at (UTC)')),
                ('text', models.TextField(verbose_name='what')),
                ('recorded_by', models.CharField(max_length=150)),
                ('recorded_at', models.DateTimeField()),
                ('breach', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='privacy.breach')),
            ],
            options={
                'verbose_name': 'entry of a breach',
                'ordering': ['breach_id', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Register',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('controller', models.TextField(blank=True, verbose_name='controller: name and contact')),
                ('joint_controller', models.TextField(blank=True, verbose_name='joint controllers, or “none”')),
                ('representative', models.TextField(blank=True, verbose_name='representative in the Union, or why none is needed')),
                ('officer', models.TextField(blank=True, verbose_name='data protection officer: contact')),
                ('core_lab', models.TextField(blank=True, verbose_name='this core laboratory as processor: name and contact')),
                ('rights_contact', models.TextField(blank=True, verbose_name='where subjects turn to with their rights')),
                ('authority', models.TextField(blank=True, verbose_name='supervisory authority')),
                ('without_processors', models.BooleanField(default=False, verbose_name='no other processor is used')),
                ('without_transfers', models.BooleanField(default=False, verbose_name='nothing goes to a third country')),
                ('need', models.TextField(blank=True, verbose_name='assessment: why this is needed and in proportion')),
                ('residual_risk', models.TextField(blank=True, verbose_name='assessment: the risk that remains')),
                ('officer_opinion', models.TextField(blank=True, verbose_name='assessment: opinion of the data protection officer')),
                ('review_on', models.DateField(blank=True, null=True, verbose_name='assessment: to be reviewed on')),
                ('trial', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='register', to='trials.trial')),
            ],
            options={
                'verbose_name': 'register',
                'ordering': ['trial_id'],
            },
        ),
        migrations.CreateModel(
            name='Tombstone',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('contents', models.TextField()),
                ('contents_sha256', models.CharField(max_length=64)),
                ('at', models.DateTimeField()),
                ('trial', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tombstones', to='trials.trial')),
            ],
            options={
                'verbose_name': 'tombstone',
                'ordering': ['-at'],
            },
        ),
        migrations.CreateModel(
            name='Certificate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('pdf_sha256', models.CharField(max_length=64)),
                ('at', models.DateTimeField()),
                ('tombstone', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='certificates', to='privacy.tombstone')),
            ],
            options={
                'verbose_name': 'certificate of erasure',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('level', models.CharField(choices=[('link', 'the link to the person: identity, tokens, originals'), ('everything', 'the link to the person, and the coded images too')], max_length=12, verbose_name='what is destroyed')),
                ('ground', models.CharField(choices=[('17(1)(a)', 'no longer needed for its purpose (17(1)(a))'), ('17(1)(b)', 'consent withdrawn, no other legal ground (17(1)(b))'), ('17(1)(c)', 'the person objected (17(1)(c))'), ('17(1)(d)', 'processed unlawfully, as without valid consent (17(1)(d))'), ('17(1)(e)', 'a law demands it (17(1)(e))'), ('5(1)(e)', 'the time of retention is over (5(1)(e))')], max_length=10, verbose_name='ground')),
                ('reason', models.TextField(verbose_name='reason')),
                ('state', models.CharField(choices=[('proposed', 'decided, waits for the second person'), ('done', 'carried out'), ('dropped', 'dropped')], default='proposed', max_length=10, verbose_name='state')),
                ('decided_by', models.CharField(max_length=150, verbose_name='decided by')),
                ('decided_at', models.DateTimeField(verbose_name='decided at')),
                ('decision_signature_id', models.UUIDField()),
                ('confirmed_by', models.CharField(blank=True, max_length=150, verbose_name='confirmed by')),
                ('confirmed_at', models.DateTimeField(blank=True, null=True, verbose_name='confirmed at')),
                ('confirmation_signature_id', models.UUIDField(blank=True, null=True)),
                ('subject', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='erasures', to='trials.subject')),
                ('trial', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='erasures', to='trials.trial')),
            ],
            options={
                'verbose_name': 'erasure',
                'ordering': ['-decided_at'],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('state', 'done'), _negated=True), ('confirmation_signature_id__isnull', False), _connector='OR'), name='erasure_done_is_confirmed')],
            },
        ),
        migrations.CreateModel(
            name='LegalBasis',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('purpose', models.CharField(choices=[('research', 'imaging results of this trial (primary use)'), ('reliability', 'reliability, safety, inspection and archive (primary use)'), ('secondary', 'other research (secondary use)')], max_length=12, verbose_name='purpose')),
                ('article_6', models.CharField(choices=[('6(1)(a)', 'consent (6(1)(a))'), ('6(1)(c)', 'legal obligation (6(1)(c))'), ('6(1)(e)', 'task in the public interest (6(1)(e))'), ('6(1)(f)', 'legitimate interest (6(1)(f))')], max_length=10, verbose_name='article 6')),
                ('article_9', models.CharField(choices=[('9(2)(a)', 'explicit consent (9(2)(a))'), ('9(2)(i)', 'public interest in public health (9(2)(i))'), ('9(2)(j)', 'scientific research (9(2)(j))')], max_length=10, verbose_name='article 9')),
                ('trial', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='legal_bases', to='trials.trial')),
            ],
            options={
                'verbose_name': 'legal basis',
                'ordering': ['trial_id', 'id'],
                'constraints': [models.UniqueConstraint(fields=('trial', 'purpose'), name='legal_basis_once_per_purpose')],
            },
        ),
        migrations.CreateModel(
            name='Permit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.CharField(max_length=60, verbose_name='permit number')),
                ('recipient', models.CharField(max_length=200, verbose_name='recipient')),
                ('purpose', models.CharField(max_length=300, verbose_name='purpose')),
                ('valid_until', models.DateField(verbose_name='valid until')),
                ('wrapped_key', models.BinaryField()),
                ('trial', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='permits', to='trials.trial')),
            ],
            options={
                'verbose_name': 'permit of secondary use',
                'ordering': ['trial_id', 'number'],
                'constraints': [models.UniqueConstraint(fields=('trial', 'number'), name='permit_number_is_unique')],
            },
        ),
        migrations.CreateModel(
            name='Processor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200, verbose_name='name and contact')),
                ('task', models.CharField(max_length=200, verbose_name='what it does')),
                ('contract', models.CharField(max_length=200, verbose_name='contract')),
                ('place', models.CharField(max_length=120, verbose_name='place of processing')),
                ('trial', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='processors', to='trials.trial')),
            ],
            options={
                'verbose_name': 'processor',
                'ordering': ['trial_id', 'name'],
                'constraints': [models.UniqueConstraint(fields=('trial', 'name'), name='processor_once_per_trial')],
            },
        ),
        migrations.CreateModel(
            name='Request',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('access', 'access to the data (article 15)'), ('rectification', 'rectification (article 16)'), ('erasure', 'erasure (article 17)'), ('restriction', 'restriction of use (article 18)'), ('objection', 'objection (article 21)'), ('opt-out', 'opt-out of secondary use (EHDS, article 71)')], max_length=16, verbose_name='kind')),
                ('received_on', models.DateField(verbose_name='received on')),
                ('due_on', models.DateField(verbose_name='due on')),
                ('state', models.CharField(choices=[('open', 'open'), ('granted', 'granted'), ('partly', 'granted in part'), ('refused', 'refused'), ('withdrawn', 'taken back by the subject')], default='open', max_length=12, verbose_name='state')),
                ('answer', models.TextField(blank=True, verbose_name='answer')),
                ('answered_at', models.DateTimeField(blank=True, null=True, verbose_name='answered at')),
                ('answered_by', models.CharField(blank=True, max_length=150, verbose_name='answered by')),
                ('recorded_by', models.CharField(max_length=150, verbose_name='recorded by')),
                ('recorded_at', models.DateTimeField(verbose_name='recorded at')),
                ('subject', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='requests', to='trials.subject')),
            ],
            options={
                'verbose_name': 'request of a subject',
                'ordering': ['due_on', 'id'],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('answered_at__isnull', True), ('state', 'open')), models.Q(models.Q(('state', 'open'), _negated=True), ('answered_at__isnull', False), models.Q(('answer', ''), _negated=True)), _connector='OR'), name='request_closed_has_an_answer')],
            },
        ),
        migrations.CreateModel(
            name='Transfer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('recipient', models.CharField(max_length=200, verbose_name='recipient')),
                ('country', models.CharField(max_length=80, verbose_name='country')),
                ('safeguard', models.CharField(max_length=200, verbose_name='safeguard')),
                ('trial', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='transfers', to='trials.trial')),
            ],
            options={
                'verbose_name': 'transfer',
                'ordering': ['trial_id', 'recipient'],
                'constraints': [models.UniqueConstraint(fields=('trial', 'recipient', 'country'), name='transfer_once_per_trial')],
            },
        ),
        watched("privacy.Request", trial="subject__trial_site__trial", reasoned=("subject_id", "kind", "received_on", "due_on")),
        watched("privacy.Erasure", trial="trial"),
        watched("privacy.Tombstone", trial="trial"),
        watched("privacy.Certificate", trial="tombstone__trial"),
        watched("privacy.Breach", trial="trial"),
        watched("privacy.BreachEntry", trial="breach__trial"),
        watched(
            "privacy.Register",
            trial="trial",
            reasoned=(
                "controller",
                "joint_controller",
                "representative",
                "officer",
                "core_lab",
                "rights_contact",
                "authority",
                "without_processors",
                "without_transfers",
                "need",
                "residual_risk",
                "officer_opinion",
                "review_on",
            ),
        ),
        watched("privacy.Processor", trial="trial", reasoned=("name", "task", "contract", "place")),
        watched("privacy.Transfer", trial="trial", reasoned=("recipient", "country", "safeguard")),
        watched("privacy.LegalBasis", trial="trial", reasoned=("purpose", "article_6", "article_9")),
        watched("privacy.Permit", trial="trial", reasoned=("number", "recipient", "purpose", "valid_until")),
        append_only("privacy_tombstone"),
        append_only("privacy_certificate"),
        append_only("privacy_breach"),
        append_only("privacy_breachentry"),
    ]
