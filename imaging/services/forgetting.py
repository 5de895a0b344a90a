"""Taking back what answers "same person?": after an erasure nothing here may recognise that person again."""

from django.db import transaction
from django.db.models import QuerySet

from deid.identity import UNTOLD
from imaging.claims import without_tokens
from imaging.models import IncomingFile, Manifest, StowDelivery, Submission
from imaging.services.recognition import Told
from trials.models import Subject

NO_TOKENS = Told().columns


@transaction.atomic
def forget(subject: Subject) -> int:
    """Clear the keyed tokens of a subject and of all its deliveries; return how many rows held any of a person.

    They stand in no event (quiet columns), so that nothing is left of them. The caller tells the trail why.
    """
    subjects = Subject.objects.filter(pk=subject.pk).exclude(**NO_TOKENS).update(**NO_TOKENS)
    deliveries = Submission.objects.filter(time_point__subject=subject).exclude(**NO_TOKENS).update(**NO_TOKENS)
    StowDelivery.objects.filter(submission__time_point__subject=subject).update(mark="")
    forget_claims(Submission.objects.filter(time_point__subject=subject))
    for name, empty in NO_TOKENS.items():
        setattr(subject, name, empty)
    return subjects + deliveries


def forget_claims(deliveries: QuerySet[Submission]) -> None:
    """Clear the tokens in what a site's browser or gateway said of these deliveries, arrived or announced."""
    StowDelivery.objects.filter(submission__in=deliveries).exclude(person="").update(person=UNTOLD)
    Manifest.objects.filter(submission__in=deliveries).delete()
    files = IncomingFile.objects.filter(submission__in=deliveries, claim__isnull=False)
    told = list(files.only("pk", "claim"))
    for file in told:
        file.claim = without_tokens(file.claim or {})
    IncomingFile.objects.bulk_update(told, ["claim"], batch_size=500)
