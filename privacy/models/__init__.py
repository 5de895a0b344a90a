"""The rights of the person: requests, erasures, breaches, and the registers of GDPR."""

from privacy.models.breaches import Breach, BreachEntry
from privacy.models.erasures import Certificate, Erasure, Tombstone
from privacy.models.permits import Permit
from privacy.models.register import LegalBasis, Processor, Register, Transfer
from privacy.models.requests import Request, RequestExtension

__all__ = [
    "Breach",
    "BreachEntry",
    "Certificate",
    "Erasure",
    "LegalBasis",
    "Permit",
    "Processor",
    "Register",
    "Request",
    "RequestExtension",
    "Tombstone",
    "Transfer",
]
