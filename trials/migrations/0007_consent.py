"""Consent by module and version, and levels of withdrawal."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trials", "0006_roles")]
    operations: ClassVar = []
