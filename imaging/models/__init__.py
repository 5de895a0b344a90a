from imaging.models.archive import Instance, Series, Study
from imaging.models.certificates import CleaningCertificate
from imaging.models.custody import Conflict, Damage, Scrub
from imaging.models.desk import QuarantineDecision
from imaging.models.doors import Door
from imaging.models.lines import Call, Echo
from imaging.models.manifests import Manifest
from imaging.models.pixels import PixelReview
from imaging.models.quality import QCCheck, QCDecision, Query, QueryMessage
from imaging.models.quotas import Quota
from imaging.models.resends import Resend, SetAside
from imaging.models.seclusion import SecludedInstance, Seclusion, SeclusionDecision
from imaging.models.stow import StowDelivery
from imaging.models.submissions import IncomingFile, Submission
from imaging.models.tools import Tool

__all__ = [
    "Call",
    "CleaningCertificate",
    "Conflict",
    "Damage",
    "Door",
    "Echo",
    "IncomingFile",
    "Instance",
    "Manifest",
    "PixelReview",
    "QCCheck",
    "QCDecision",
    "QuarantineDecision",
    "Query",
    "QueryMessage",
    "Quota",
    "Resend",
    "Scrub",
    "SecludedInstance",
    "Seclusion",
    "SeclusionDecision",
    "Series",
    "SetAside",
    "StowDelivery",
    "Study",
    "Submission",
    "Tool",
]
