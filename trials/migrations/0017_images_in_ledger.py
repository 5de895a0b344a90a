"""Images that go out to other programs stand in the ledger, too."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trials", "0016_site_monitor")]
    operations: ClassVar = [
        migrations.AlterField(
            "disclosure",
            "kind",
            models.CharField(
                choices=[
                    ("report", "report"),
                    ("results", "results as data"),
                    ("trail", "audit trail"),
                    ("access", "access package for the subject"),
                    ("secondary", "secondary use"),
                    ("images", "images"),
                ],
                max_length=12,
                verbose_name="kind",
            ),
        ),
    ]
