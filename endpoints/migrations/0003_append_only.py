from django.db import migrations

from audit.guards import append_only


class Migration(migrations.Migration):
    dependencies = [("endpoints", "0002_initial")]
    operations = [
        append_only("endpoints_response"),
        append_only("endpoints_endpointresult"),
        append_only("endpoints_radiomicsrun"),
    ]
