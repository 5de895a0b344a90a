"""Row-level security on PostgreSQL."""

from typing import ClassVar

from django.db import migrations

from trials.fences.operation import fenced


class Migration(migrations.Migration):
    dependencies: ClassVar = [("privacy", "0001_initial"), ("trials", "0010_fenced")]
    operations: ClassVar = [
        fenced("privacy.Breach", trial="trial"),
        fenced("privacy.BreachEntry", trial="breach__trial"),
        fenced("privacy.Certificate", trial="tombstone__trial"),
        fenced("privacy.Erasure", trial="trial"),
        fenced("privacy.LegalBasis", trial="trial"),
        fenced("privacy.Permit", trial="trial"),
        fenced("privacy.Processor", trial="trial"),
        fenced("privacy.Register", trial="trial"),
        fenced("privacy.Request", trial="subject__trial_site__trial"),
        fenced("privacy.Tombstone", trial="trial"),
        fenced("privacy.Transfer", trial="trial"),
    ]
