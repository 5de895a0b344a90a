"""Row-level security on PostgreSQL."""

from typing import ClassVar

from django.db import migrations

from trials.fences.operation import fenced


class Migration(migrations.Migration):
    dependencies: ClassVar = [("reports", "0006_sealed_document"), ("trials", "0010_fenced")]
    operations: ClassVar = [
        fenced("reports.Download", trial="report__trial"),
        fenced("reports.Report", trial="trial"),
        fenced("reports.SealedDocument", trial="report__trial"),
    ]
