"""A subject leaves the trial: the one place where these tests withdraw a consent."""

from tests.people import TODAY, actor_for
from trials.models import Subject, User
from trials.roles import Role
from trials.services import subjects


def leave(subject: Subject) -> None:
    """Withdraw as the staff of the subject's site does."""
    staff = User.objects.filter(memberships__trial_site=subject.trial_site, memberships__role=Role.SITE_STAFF)
    subjects.withdraw_consent(by=actor_for(staff[0]), subject=subject, on=TODAY, reason="by letter")
