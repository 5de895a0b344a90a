from trials.models.charters import Charter, ImagingRequirement, ScheduledTimePoint
from trials.models.ledger import Disclosure
from trials.models.people import Membership, Sponsor, User
from trials.models.retention import Retention
from trials.models.subjects import Consent, ConsentForm, Subject, TimePoint
from trials.models.trials import Site, Trial, TrialSite

__all__ = [
    "Charter",
    "Consent",
    "ConsentForm",
    "Disclosure",
    "ImagingRequirement",
    "Membership",
    "Retention",
    "ScheduledTimePoint",
    "Site",
    "Sponsor",
    "Subject",
    "TimePoint",
    "Trial",
    "TrialSite",
    "User",
]
