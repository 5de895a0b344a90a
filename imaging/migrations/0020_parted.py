"""What a delivery was parted from: a machine's line may bring several persons, and a delivery is of one."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from audit.watching.operation import watched


class Migration(migrations.Migration):
    dependencies: ClassVar = [("imaging", "0019_common_tokens")]
    operations: ClassVar = [
        # Without a value for the rows that stand, so that SQLite adds the column and builds nothing anew.
        migrations.AddField(
            model_name="submission",
            name="parted_from",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="parts",
                to="imaging.submission",
            ),
        ),
        watched(
            "imaging.Submission",
            trial="trial_site__trial",
            quiet=(
                "leased_until",
                "attempts",
                "active_at",
                "state_since",
                "bytes_received",
                "files_received",
                "patient_id_token",
                "person_token",
                "common_patient_id_token",
                "common_person_token",
                "own_patient_id_token",
                "own_person_token",
            ),
        ),
    ]
