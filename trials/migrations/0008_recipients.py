"""Recipients with keys of their own."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trials", "0007_consent")]
    operations: ClassVar = []
