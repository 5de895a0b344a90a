"""Roles of the table, and reviews of who may what."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trials", "0005_sign_in")]
    operations: ClassVar = []
