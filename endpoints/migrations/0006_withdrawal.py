"""Reads voided with a reason."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("endpoints", "0005_watched")]
    operations: ClassVar = []
