"""A subject leaves the trial: the one place where these tests withdraw a consent."""

from tests.cast import withdraw
from trials.models import Subject, User
from trials.roles import Role


def leave(subject: Subject) -> None:
    """Withdraw as the staff of the subject's site does."""
    staff = User.objects.filter(memberships__trial_site=subject.trial_site, memberships__role=Role.SITE_STAFF)
    withdraw(staff[0], subject)
