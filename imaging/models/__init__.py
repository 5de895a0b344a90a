from imaging.models.archive import Instance, Series, Study
from imaging.models.certificates import CleaningCertificate
from imaging.models.custody import Conflict, Damage, Scrub
from imaging.models.doors import Door
from imaging.models.pixels import PixelReview
from imaging.models.quality import QCCheck, QCDecision, Query, QueryMessage
from imaging.models.quotas import Quota
from imaging.models.seclusion import SecludedInstance, Seclusion, SeclusionDecision
from imaging.models.stow import StowDelivery
from imaging.models.submissions import IncomingFile, Submission
from imaging.models.tools import Tool

__all__ = [
    "CleaningCertificate",
    "Conflict",
    "Damage",
    "Door",
    "IncomingFile",
    "Instance",
    "PixelReview",
    "QCCheck",
    "QCDecision",
    "Query",
    "QueryMessage",
    "Quota",
    "Scrub",
    "SecludedInstance",
    "Seclusion",
    "SeclusionDecision",
    "Series",
    "StowDelivery",
    "Study",
    "Submission",
    "Tool",
]
