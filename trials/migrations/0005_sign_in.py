"""Sessions and the doors of sign-in."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trials", "0004_watched")]
    operations: ClassVar = []
