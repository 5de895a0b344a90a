"""Scans taken out of analysis."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("imaging", "0004_watched")]
    operations: ClassVar = []
