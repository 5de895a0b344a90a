from django.db import migrations

from audit.guards import append_only


class Migration(migrations.Migration):
    dependencies = [("imaging", "0002_initial")]
    operations = [
        append_only("imaging_qcdecision"),
        append_only("imaging_querymessage"),
        append_only("imaging_qccheck"),
    ]
