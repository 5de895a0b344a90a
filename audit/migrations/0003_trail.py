"""The linear chain gives way to two layers under sealed checkpoints; what stands already is kept and sealed as it is."""

import secrets

import django.db.models.functions.datetime
from django.db import migrations, models

import audit.models
from audit.guards import append_only, lifted, trail
from audit.verifier import commit


def commit_all(apps, _editor):
    AuditEvent = apps.get_model("audit", "AuditEvent")
    for event in AuditEvent.objects.order_by("sequence").iterator():
        told = {name: getattr(event, name) for name in ("object_label", "before", "after", "reason")}
        event.commitment = commit(salt=secrets.token_bytes(16), **told)
        event.save(update_fields=["commitment"])


def name_events(apps, _editor):
    AuditEvent, Signature = apps.get_model("audit", "AuditEvent"), apps.get_model("audit", "Signature")
    for signature in Signature.objects.iterator():
        signature.event_sequence = AuditEvent.objects.get(hash=signature.event_hash).sequence
        signature.save(update_fields=["event_sequence"])


def index_order(_apps, editor):
    """On PostgreSQL the sealer asks for ranges of transactions; block ranges cost a writer nothing."""
    if editor.connection.vendor == "postgresql":
        editor.execute("CREATE INDEX audit_event_order ON audit_auditevent USING brin (xid) WITH (pages_per_range = 16)")


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]
    operations = [
        lifted("audit_auditevent"),
        lifted("audit_signature"),
        migrations.AlterField(
            "signature",
            "meaning",
            models.CharField(
                choices=[
                    ("authorship", "I am the author of this record"),
                    ("review", "I have reviewed this record"),
                    ("approval", "I approve this record"),
                    ("responsibility", "I take responsibility for this record"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddField("signature", "event_sequence", models.BigIntegerField(null=True)),
        migrations.AddField("signature", "organisation", models.CharField(blank=True, max_length=120, default=""), preserve_default=False),
        migrations.AddField("signature", "contents", models.TextField(blank=True, default=""), preserve_default=False),
        migrations.AddField("signature", "ceremony", models.CharField(max_length=32, null=True, unique=True)),
        migrations.RunPython(name_events, migrations.RunPython.noop),
        migrations.RemoveField("signature", "event_hash"),
        migrations.AlterField("signature", "event_sequence", models.BigIntegerField(unique=True)),
        migrations.RemoveConstraint("auditevent", "audit_event_chain_does_not_fork"),
        migrations.RemoveField("auditevent", "previous_hash"),
        migrations.RemoveField("auditevent", "hash"),
        migrations.AddField(
            "auditevent",
            "xid",
            models.BigIntegerField(db_default=audit.models.TransactionId(), editable=False),
        ),
        migrations.AddField(
            "auditevent",
            "layer",
            models.CharField(choices=[("act", "acts"), ("row", "values")], default="act", max_length=3),
        ),
        migrations.AddField(
            "auditevent", "stored_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())
        ),
        migrations.AddField("auditevent", "commitment", models.CharField(max_length=96, default=""), preserve_default=False),
        migrations.AlterField("auditevent", "source", models.CharField(max_length=120)),
        migrations.AlterField("auditevent", "trial_code", models.CharField(blank=True, max_length=40)),
        migrations.AddIndex("auditevent", models.Index(fields=["trial_code", "sequence"], name="audit_event_trial")),
        migrations.RunPython(index_order, migrations.RunPython.noop),
        migrations.AddIndex(
            "auditevent",
            models.Index(
                condition=models.Q(act__in=("sign_in.failed", "signature.failed", "second_factor.failed")),
                fields=["act", "at"],
                name="audit_event_wrong_tries",
            ),
        ),
        migrations.RunPython(commit_all, migrations.RunPython.noop),
        migrations.CreateModel(
            name="Tile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("level", models.PositiveSmallIntegerField()),
                ("number", models.BigIntegerField()),
                ("hashes", models.BinaryField()),
                ("sequences", models.JSONField(default=list)),
                ("lowest", models.BigIntegerField(default=0)),
                ("highest", models.BigIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("level", "number"), name="audit_tile_stands_once")
                ]
            },
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("size", models.BigIntegerField(primary_key=True, serialize=False)),
                ("text", models.TextField()),
                ("signature", models.CharField(max_length=128)),
                ("horizon", models.BigIntegerField()),
                ("at", models.DateTimeField()),
            ],
            options={"ordering": ["size"]},
        ),
        migrations.CreateModel(
            name="Stamp",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("size", models.BigIntegerField()),
                ("token", models.BinaryField()),
                ("authority", models.CharField(max_length=200)),
                ("at", models.DateTimeField()),
            ],
            options={"ordering": ["-at"]},
        ),
        migrations.CreateModel(
            name="Letter",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("organisation", models.CharField(max_length=120, unique=True, verbose_name="organisation")),
                ("filed_on", models.DateField(verbose_name="filed on")),
                ("document_sha256", models.CharField(max_length=64, verbose_name="SHA-256 of the letter")),
                ("recorded_by", models.CharField(max_length=150)),
                ("recorded_at", models.DateTimeField()),
            ],
            options={"ordering": ["organisation"]},
        ),
        migrations.CreateModel(
            name="Review",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("trial_code", models.CharField(max_length=40)),
                ("view", models.CharField(max_length=20, verbose_name="view")),
                ("since", models.DateField(verbose_name="from")),
                ("until", models.DateField(verbose_name="until")),
                ("events_seen", models.PositiveIntegerField()),
                (
                    "verdict",
                    models.CharField(
                        choices=[("clean", "nothing to object to"), ("follow_up", "needs follow-up")],
                        max_length=20,
                        verbose_name="verdict",
                    ),
                ),
                ("findings", models.TextField(verbose_name="what was found")),
                ("reviewer_id", models.CharField(max_length=150)),
                ("reviewer_name", models.CharField(max_length=200)),
                ("at", models.DateTimeField()),
            ],
            options={"ordering": ["trial_code", "-at"]},
        ),
        trail(),
        append_only("audit_signature"),
        append_only("audit_checkpoint"),
        append_only("audit_stamp"),
        append_only("audit_letter"),
        append_only("audit_review"),
    ]
