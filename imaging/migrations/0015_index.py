"""Indices from which a search counts images by series."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("imaging", "0014_tools")]
    operations: ClassVar = [
        migrations.AddIndex("instance", models.Index(fields=["number", "series"], name="instance_by_number")),
        migrations.AddIndex("instance", models.Index(fields=["sop_class_uid", "series"], name="instance_by_class")),
    ]
