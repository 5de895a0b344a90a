from trials.models.charters import Charter, ImagingRequirement, ScheduledTimePoint
from trials.models.consents import CollectionAllowance, Consent, ConsentForm, ConsentFormApproval, Restriction
from trials.models.people import Membership, Sponsor, User
from trials.models.subjects import Subject, TimePoint
from trials.models.trials import Site, Trial, TrialSite

__all__ = [
    "Charter",
    "CollectionAllowance",
    "Consent",
    "ConsentForm",
    "ConsentFormApproval",
    "ImagingRequirement",
    "Membership",
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
