from endpoints.models.reads import Assignment, Lesion, Measurement, Read
from endpoints.models.results import EndpointResult, RadiomicsRun, Response, Segmentation, SegmentationRun
from endpoints.models.unblindings import UnblindedCase, Unblinding
from endpoints.models.voids import ReadVoid

__all__ = [
    "Assignment",
    "EndpointResult",
    "Lesion",
    "Measurement",
    "RadiomicsRun",
    "Read",
    "ReadVoid",
    "Response",
    "Segmentation",
    "SegmentationRun",
    "UnblindedCase",
    "Unblinding",
]
