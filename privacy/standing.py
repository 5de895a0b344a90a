"""What a subject's consent allows now: the one place where this floor asks the consent gate."""

from trials.agreement import Gate, Level, Module, State
from trials.models import Subject
from trials.services import consent

# Somebody of a site confirmed the signed form; what came later changes nothing of that.
_ONCE_VALID = frozenset({State.VALID, State.EXPIRED, State.RECONSENT_DUE, State.WITHDRAWN})


def is_collected_from(subject: Subject) -> bool:
    """Whether a new scan of the subject would be taken now."""
    return consent.allows(subject, Gate.RECEIVE)


def has_valid_consent(subject: Subject) -> bool:
    """Whether what is held of the subject was collected on a valid consent, withdrawn since or not."""
    standing = consent.standing_of(subject)
    return standing.level != Level.W6 and standing.state_of(Module.IMAGING) in _ONCE_VALID


def allows_secondary_use(subject: Subject) -> bool:
    """Whether the subject agrees to secondary use, and has withdrawn nothing since."""
    return consent.allows(subject, Gate.SECONDARY)
