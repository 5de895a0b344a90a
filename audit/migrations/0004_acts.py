"""An index of acts by kind and time, which the many events of rows pass by."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("audit", "0003_trail")]
    operations: ClassVar = [
        migrations.RemoveIndex("auditevent", "audit_event_wrong_tries"),
        migrations.AddIndex(
            "auditevent",
            models.Index(fields=["act", "at"], condition=models.Q(layer="act"), name="audit_event_acts"),
        ),
    ]
