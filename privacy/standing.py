"""What a subject's consent allows now: the one place where this floor asks the consent gate."""

from trials.models import ConsentForm, Subject
from trials.services.consent import covers


def is_collected_from(subject: Subject) -> bool:
    """Whether a new scan of the subject would be taken now."""
    return covers(subject, ConsentForm.Scope.IMAGING)


def has_valid_consent(subject: Subject) -> bool:
    """Whether what is held of the subject stands on a valid consent."""
    return covers(subject, ConsentForm.Scope.IMAGING)


def allows_secondary_use(subject: Subject) -> bool:
    """Whether the subject agrees to secondary use, and has withdrawn nothing since."""
    return subject.state != Subject.State.WITHDRAWN and covers(subject, ConsentForm.Scope.SECONDARY)
