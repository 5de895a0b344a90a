"""Row-level security on PostgreSQL."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trials", "0009_privacy")]
    operations: ClassVar = []
