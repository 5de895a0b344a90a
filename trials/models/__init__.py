from trials.models.charters import Charter, ImagingRequirement, ScheduledTimePoint
from trials.models.people import Membership, Sponsor, User
from trials.models.recipients import Recipient
from trials.models.subjects import Consent, ConsentForm, Subject, TimePoint
from trials.models.trials import Site, Trial, TrialSite

__all__ = [
    "Charter",
    "Consent",
    "ConsentForm",
    "ImagingRequirement",
    "Membership",
    "Recipient",
    "ScheduledTimePoint",
    "Site",
    "Sponsor",
    "Subject",
    "TimePoint",
    "Trial",
    "TrialSite",
    "User",
]
