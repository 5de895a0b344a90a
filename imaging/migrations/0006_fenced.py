"""Row-level security on PostgreSQL."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("imaging", "0005_withdrawal")]
    operations: ClassVar = []
