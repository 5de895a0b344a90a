from django.db import migrations

from audit.guards import frozen


class Migration(migrations.Migration):
    dependencies = [("trials", "0002_append_only")]
    operations = [
        frozen("trials_charter", states=("approved", "superseded"), move=("approved", "superseded")),
        frozen(
            "trials_scheduledtimepoint",
            states=("approved", "superseded"),
            owner="SELECT state FROM trials_charter WHERE id = {row}.charter_id",
        ),
        frozen(
            "trials_imagingrequirement",
            states=("approved", "superseded"),
            owner=(
                "SELECT trials_charter.state FROM trials_charter JOIN trials_scheduledtimepoint "
                "ON trials_charter.id = charter_id WHERE trials_scheduledtimepoint.id = {row}.scheduled_id"
            ),
        ),
    ]
