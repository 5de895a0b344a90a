"""Taking back what answers "same person?": after an erasure nothing here may recognise that person again."""

from django.db import transaction

from imaging.models import StowDelivery, Submission
from trials.models import Subject

_NONE = {"patient_id_token": "", "person_token": ""}


@transaction.atomic
def forget(subject: Subject) -> int:
    """Clear the keyed tokens of a subject and of all its deliveries; return how many rows held any of a person.

    They stand in no event (quiet columns), so that nothing is left of them. The caller tells the trail why.
    """
    subjects = Subject.objects.filter(pk=subject.pk).exclude(**_NONE).update(**_NONE)
    deliveries = Submission.objects.filter(time_point__subject=subject).exclude(**_NONE).update(**_NONE)
    StowDelivery.objects.filter(submission__time_point__subject=subject).update(mark="")
    subject.patient_id_token = subject.person_token = ""
    return subjects + deliveries
