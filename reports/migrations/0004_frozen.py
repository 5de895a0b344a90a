from django.db import migrations

from audit.guards import frozen


class Migration(migrations.Migration):
    dependencies = [("reports", "0003_append_only")]
    operations = [
        frozen("reports_report", states=("released",)),
    ]
