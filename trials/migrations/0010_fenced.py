"""Row-level security on PostgreSQL."""

from typing import ClassVar

from django.db import migrations

from trials.fences.operation import cases, fenced, held, lookups, trail_fenced


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trials", "0009_privacy"), ("audit", "0003_trail")]
    operations: ClassVar = [
        lookups(),
        cases(""),
        trail_fenced(),
        fenced("trials.AccessReview", trial="trial"),
        fenced("trials.Charter", trial="trial", shared=True),
        fenced(
            "trials.CollectionAllowance",
            trial="time_point__subject__trial_site__trial",
            site="time_point__subject__trial_site",
        ),
        fenced("trials.Consent", trial="subject__trial_site__trial", site="subject__trial_site"),
        fenced("trials.ConsentForm", trial="trial", shared=True),
        fenced("trials.ConsentFormApproval", trial="form__trial", site="trial_site"),
        fenced("trials.Disclosure", trial="trial"),
        fenced("trials.ImagingRequirement", trial="scheduled__charter__trial"),
        fenced("trials.Membership", trial="trial", site="trial_site", owner="user"),
        fenced("trials.Recipient", trial="trial"),
        fenced("trials.Restriction", trial="subject__trial_site__trial", site="subject__trial_site"),
        fenced("trials.Retention", trial="trial"),
        fenced("trials.ScheduledTimePoint", trial="charter__trial"),
        fenced("trials.Subject", trial="trial_site__trial", site="trial_site"),
        held("trials.Subject", "trial_site"),
        held("trials.TrialSite", "trial"),
        fenced("trials.TimePoint", trial="subject__trial_site__trial", site="subject__trial_site", anchored=True),
        fenced("trials.Trial", trial="self"),
        fenced("trials.TrialSite", trial="trial", site="self"),
    ]
