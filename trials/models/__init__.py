from trials.models.charters import Charter, ImagingRequirement, ScheduledTimePoint
from trials.models.doors import AccountSession, ProviderLink
from trials.models.people import Membership, Sponsor, User
from trials.models.subjects import Consent, ConsentForm, Subject, TimePoint
from trials.models.trials import Site, Trial, TrialSite

__all__ = [
    "AccountSession",
    "Charter",
    "Consent",
    "ConsentForm",
    "ImagingRequirement",
    "Membership",
    "ProviderLink",
    "ScheduledTimePoint",
    "Site",
    "Sponsor",
    "Subject",
    "TimePoint",
    "Trial",
    "TrialSite",
    "User",
]
