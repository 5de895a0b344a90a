"""Row-level security on PostgreSQL."""

from typing import ClassVar

from django.db import migrations

from trials.fences.operation import cases, fenced


class Migration(migrations.Migration):
    dependencies: ClassVar = [("endpoints", "0006_withdrawal"), ("imaging", "0006_fenced")]
    operations: ClassVar = [
        fenced(
            "endpoints.Assignment",
            trial="time_point__subject__trial_site__trial",
            site="time_point__subject__trial_site",
            owner="reader",
            anchored=True,
        ),
        cases("endpoints_assignment"),
        fenced(
            "endpoints.EndpointResult",
            trial="subject__trial_site__trial",
            site="subject__trial_site",
            owner="reader",
        ),
        fenced("endpoints.Lesion", trial="subject__trial_site__trial", site="subject__trial_site", owner="reader"),
        fenced(
            "endpoints.Measurement",
            trial="read__assignment__time_point__subject__trial_site__trial",
            site="read__assignment__time_point__subject__trial_site",
            owner="read__assignment__reader",
        ),
        fenced(
            "endpoints.RadiomicsRun",
            trial="segmentation__series__study__time_point__subject__trial_site__trial",
            site="segmentation__series__study__time_point__subject__trial_site",
        ),
        fenced(
            "endpoints.Read",
            trial="assignment__time_point__subject__trial_site__trial",
            site="assignment__time_point__subject__trial_site",
            owner="assignment__reader",
        ),
        fenced(
            "endpoints.ReadVoid",
            trial="read__assignment__time_point__subject__trial_site__trial",
            site="read__assignment__time_point__subject__trial_site",
        ),
        fenced(
            "endpoints.Response",
            trial="read__assignment__time_point__subject__trial_site__trial",
            site="read__assignment__time_point__subject__trial_site",
        ),
        fenced(
            "endpoints.Segmentation",
            trial="series__study__time_point__subject__trial_site__trial",
            site="series__study__time_point__subject__trial_site",
        ),
        fenced(
            "endpoints.SegmentationRun",
            trial="instance__series__study__time_point__subject__trial_site__trial",
            site="instance__series__study__time_point__subject__trial_site",
        ),
    ]
