from django.db import migrations

from audit.watching.operation import watched


class Migration(migrations.Migration):
    dependencies = [("reports", "0004_frozen"), ("endpoints", "0005_watched")]
    operations = [
        watched("reports.Download", trial="report__trial"),
        watched("reports.Report", trial="trial", digested=("contents",)),
    ]
