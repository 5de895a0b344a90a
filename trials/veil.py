"""What the trail of a trial tells its sponsor: the work, without people, sites, readers, dates and free text.

A list of what passes, so that a new column is hidden until somebody adds it (design 3e: "study, masked").
"""

import hashlib
import hmac
from functools import cache, partial

from django.apps import apps

from audit.veiling import Veil
from audit.wording import field_of, model_of
from trials.keys import trial_key
from trials.models import Trial
from trials.roles import Act

# The sponsor reads these pages as they are; of them everything passes but who did it and why.
_OPEN = frozenset({Act.TRIAL_VIEW, Act.CHARTER_VIEW})
# Kinds of the course of the work whose own words are codes: of a subject, a visit, a site's number, or our own.
_CODED = frozenset(
    {
        "trials.Subject",
        "trials.TimePoint",
        "trials.TrialSite",
        "trials.Consent",
        "trials.ConsentFormApproval",
        "imaging.Submission",
        "imaging.QCDecision",
        "imaging.Query",
        "reports.Report",
    }
)
# What was read, before and after its lock: that it happened passes, no value does.
_READ = ("endpoints.",)
_PEOPLE = frozenset({"by", "by_name", "reason", "reviewer_name"})
_SAFE = frozenset(
    {"BooleanField", "IntegerField", "BigIntegerField", "PositiveIntegerField", "PositiveSmallIntegerField"}
)
# Words that acts of ours tell beside what columns hold.
_WORDS = frozenset({"state", "level", "covered", "scopes", "modules", "files", "filed", "refused", "events", "number"})
# Kinds and acts of which nothing is told at all: arms, unblindings, and what people asked about themselves.
WITHOUT = ("trials.SubjectArm", "endpoints.Unblind", "identity.", "privacy.", "trials.Disclosure", "trials.Recipient")
UNSAID = ("arm.", "arms.", "unblinding.", "identity.")


def veil_for(trial: Trial, *, own: str) -> Veil:
    return Veil(own=own, code=partial(_code, trial_key(trial)), named=_named(), shows=_shows)


def _code(key: bytes, account: str) -> str:
    """Return a name that is the same wherever the same person acts in the trial, and says nothing of who it is."""
    return f"P-{hmac.new(key, b'trail:' + account.encode(), hashlib.sha256).hexdigest()[:8].upper()}"


def _is_open(label: str) -> bool:
    road = getattr(model_of(label), "road", None)
    return road is not None and road.view in _OPEN


def _shows(label: str, column: str) -> bool:
    """Whether the value of a column, or of a word that an act tells, passes."""
    if label.startswith(_READ) or column in _PEOPLE:
        return False
    field = field_of(label, column)
    if field is None:
        return column in _WORDS or column.endswith("sha256")
    if isinstance(field.related_model, type):
        return field.related_model._meta.label in _named()
    is_plain = bool(field.flatchoices) or field.get_internal_type() in _SAFE
    return _is_open(label) or is_plain or column.endswith("sha256")


@cache
def _named() -> frozenset[str]:
    """Return the kinds whose own words pass; "page" is an address of ours."""
    labels = {model._meta.label for model in apps.get_models()}
    return frozenset({"page", "audit.Trail", *(one for one in labels if one in _CODED or _is_open(one))})
