from django.db import migrations

from audit.watching.operation import watched


class Migration(migrations.Migration):
    dependencies = [("imaging", "0003_append_only"), ("trials", "0004_watched")]
    operations = [
        watched(
            "imaging.IncomingFile",
            trial="submission__trial_site__trial",
            quiet=("parts", "part_hashes", "cleaned_parts", "facts", "inside", "size"),
        ),
        watched("imaging.Instance", trial="series__study__time_point__subject__trial_site__trial", digested=("facts",)),
        watched("imaging.QCCheck", trial="time_point__subject__trial_site__trial"),
        watched("imaging.QCDecision", trial="time_point__subject__trial_site__trial"),
        watched("imaging.Query", trial="time_point__subject__trial_site__trial"),
        watched("imaging.QueryMessage", trial="query__time_point__subject__trial_site__trial"),
        watched("imaging.Series", trial="study__time_point__subject__trial_site__trial"),
        watched("imaging.Study", trial="time_point__subject__trial_site__trial"),
        watched(
            "imaging.Submission",
            trial="trial_site__trial",
            quiet=(
                "leased_until",
                "attempts",
                "active_at",
                "state_since",
                "bytes_received",
                "patient_id_token",
                "person_token",
            ),
        ),
    ]
