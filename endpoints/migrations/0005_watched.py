from django.db import migrations

from audit.watching.operation import watched


class Migration(migrations.Migration):
    dependencies = [("endpoints", "0004_frozen"), ("imaging", "0004_watched")]
    operations = [
        watched("endpoints.Assignment", trial="time_point__subject__trial_site__trial"),
        watched("endpoints.EndpointResult", trial="subject__trial_site__trial"),
        watched("endpoints.Lesion", trial="subject__trial_site__trial"),
        watched("endpoints.Measurement", trial="read__assignment__time_point__subject__trial_site__trial"),
        watched(
            "endpoints.RadiomicsRun",
            trial="segmentation__series__study__time_point__subject__trial_site__trial",
            digested=("settings", "values"),
        ),
        watched("endpoints.Read", trial="assignment__time_point__subject__trial_site__trial"),
        watched("endpoints.Response", trial="read__assignment__time_point__subject__trial_site__trial"),
        watched(
            "endpoints.Segmentation",
            trial="series__study__time_point__subject__trial_site__trial",
            digested=("geometry",),
        ),
        watched(
            "endpoints.SegmentationRun",
            trial="instance__series__study__time_point__subject__trial_site__trial",
            quiet=("leased_until",),
        ),
    ]
