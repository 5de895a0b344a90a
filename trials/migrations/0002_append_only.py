from django.db import migrations

from audit.guards import append_only


class Migration(migrations.Migration):
    dependencies = [("trials", "0001_initial")]
    operations = [
        append_only("trials_consent"),
    ]
