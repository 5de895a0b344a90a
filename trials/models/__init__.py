from trials.models.arms import SubjectArm
from trials.models.charters import Charter, ImagingRequirement, ScheduledTimePoint
from trials.models.closures import Closure
from trials.models.consents import CollectionAllowance, Consent, ConsentForm, ConsentFormApproval, Restriction
from trials.models.doors import AccountSession, ProviderLink
from trials.models.ledger import Disclosure
from trials.models.people import Membership, Sponsor, User
from trials.models.profiles import DeidProfile
from trials.models.recipients import Recipient
from trials.models.retention import Retention
from trials.models.reviews import AccessReview
from trials.models.subjects import Subject, TimePoint
from trials.models.tokens import SiteToken
from trials.models.trials import Site, Trial, TrialSite

__all__ = [
    "AccessReview",
    "AccountSession",
    "Charter",
    "Closure",
    "CollectionAllowance",
    "Consent",
    "ConsentForm",
    "ConsentFormApproval",
    "DeidProfile",
    "Disclosure",
    "ImagingRequirement",
    "Membership",
    "ProviderLink",
    "Recipient",
    "Restriction",
    "Retention",
    "ScheduledTimePoint",
    "Site",
    "SiteToken",
    "Sponsor",
    "Subject",
    "SubjectArm",
    "TimePoint",
    "Trial",
    "TrialSite",
    "User",
]
