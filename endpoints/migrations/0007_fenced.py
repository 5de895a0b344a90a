"""Row-level security on PostgreSQL."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("endpoints", "0006_withdrawal")]
    operations: ClassVar = []
