from django.db import migrations

from audit.guards import frozen


class Migration(migrations.Migration):
    dependencies = [("endpoints", "0003_append_only")]
    operations = [
        frozen("endpoints_read", states=("locked",)),
        frozen(
            "endpoints_measurement",
            states=("locked",),
            owner="SELECT state FROM endpoints_read WHERE id = {row}.read_id",
        ),
        frozen(
            "endpoints_lesion",
            states=("locked",),
            owner="SELECT state FROM endpoints_read WHERE id = {row}.found_in_id",
        ),
    ]
