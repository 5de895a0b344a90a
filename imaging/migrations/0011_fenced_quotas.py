"""Row-level security of shares: whoever works in a trial sees what it may keep."""

from typing import ClassVar

from django.db import migrations

from trials.fences.operation import fenced


class Migration(migrations.Migration):
    dependencies: ClassVar = [("imaging", "0010_tokens")]
    operations: ClassVar = [fenced("imaging.Quota", trial="trial", shared=True)]
