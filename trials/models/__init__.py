from trials.models.charters import Charter, ImagingRequirement, ScheduledTimePoint
from trials.models.consents import CollectionAllowance, Consent, ConsentForm, ConsentFormApproval, Restriction
from trials.models.doors import AccountSession, ProviderLink
from trials.models.people import Membership, Sponsor, User
from trials.models.subjects import Subject, TimePoint
from trials.models.trials import Site, Trial, TrialSite

__all__ = [
    "AccountSession",
    "Charter",
    "CollectionAllowance",
    "Consent",
    "ConsentForm",
    "ConsentFormApproval",
    "ImagingRequirement",
    "Membership",
    "ProviderLink",
    "Restriction",
    "ScheduledTimePoint",
    "Site",
    "Sponsor",
    "Subject",
    "TimePoint",
    "Trial",
    "TrialSite",
    "User",
]
