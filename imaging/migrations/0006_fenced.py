"""Row-level security on PostgreSQL."""

from typing import ClassVar

from django.db import migrations

from trials.fences.operation import fenced


class Migration(migrations.Migration):
    dependencies: ClassVar = [("imaging", "0005_withdrawal"), ("trials", "0010_fenced")]
    operations: ClassVar = [
        # Each hangs on the one before.
        fenced(
            "imaging.Study",
            trial="time_point__subject__trial_site__trial",
            site="time_point__subject__trial_site",
            anchored=True,
        ),
        fenced(
            "imaging.Series",
            trial="study__time_point__subject__trial_site__trial",
            site="study__time_point__subject__trial_site",
            anchored=True,
        ),
        fenced(
            "imaging.Instance",
            trial="series__study__time_point__subject__trial_site__trial",
            site="series__study__time_point__subject__trial_site",
            anchored=True,
        ),
        fenced("imaging.IncomingFile", trial="submission__trial_site__trial", site="submission__trial_site"),
        fenced(
            "imaging.QCCheck",
            trial="time_point__subject__trial_site__trial",
            site="time_point__subject__trial_site",
            blinded=True,
        ),
        fenced(
            "imaging.QCDecision",
            trial="time_point__subject__trial_site__trial",
            site="time_point__subject__trial_site",
            blinded=True,
        ),
        fenced(
            "imaging.Query",
            trial="time_point__subject__trial_site__trial",
            site="time_point__subject__trial_site",
            blinded=True,
        ),
        fenced(
            "imaging.QueryMessage",
            trial="query__time_point__subject__trial_site__trial",
            site="query__time_point__subject__trial_site",
        ),
        fenced(
            "imaging.SecludedInstance",
            trial="seclusion__subject__trial_site__trial",
            site="seclusion__subject__trial_site",
        ),
        fenced("imaging.Seclusion", trial="subject__trial_site__trial", site="subject__trial_site"),
        fenced(
            "imaging.SeclusionDecision",
            trial="seclusion__subject__trial_site__trial",
            site="seclusion__subject__trial_site",
        ),
        fenced("imaging.Submission", trial="trial_site__trial", site="trial_site"),
    ]
