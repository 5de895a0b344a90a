"""Row-level security on PostgreSQL."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("reports", "0006_sealed_document")]
    operations: ClassVar = []
