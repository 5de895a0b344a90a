import django.db.models.deletion
from django.db import migrations, models

from audit.guards import append_only
from audit.watching.operation import watched


class Migration(migrations.Migration):
    dependencies = [("reports", "0005_watched")]
    operations = [
        migrations.CreateModel(
            name="SealedDocument",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("pdf_sha256", models.CharField(max_length=64)),
                ("checkpoint_size", models.BigIntegerField()),
                ("sealed_at", models.DateTimeField()),
                (
                    "report",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="documents", to="reports.report"
                    ),
                ),
            ],
            options={"ordering": ["report_id", "-id"]},
        ),
        append_only("reports_sealeddocument"),
        watched("reports.SealedDocument", trial="report__trial"),
    ]
