"""The ledger of what left, and clocks of retention."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trials", "0008_recipients")]
    operations: ClassVar = []
