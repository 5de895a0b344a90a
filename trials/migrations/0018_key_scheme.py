"""By which key scans are cleaned stays as the trial was begun with: what is filed, and what sites were given, hangs on it."""

from typing import ClassVar

from django.db import migrations

from audit.guards import fixed


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trials", "0017_images_in_ledger"), ("audit", "0004_acts")]
    operations: ClassVar = [fixed("trials_trial", "key_scheme")]
