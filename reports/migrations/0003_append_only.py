from django.db import migrations

from audit.guards import append_only


class Migration(migrations.Migration):
    dependencies = [("reports", "0002_initial")]
    operations = [
        append_only("reports_download"),
    ]
