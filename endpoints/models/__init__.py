from endpoints.models.reads import Assignment, Lesion, Measurement, Read
from endpoints.models.results import EndpointResult, RadiomicsRun, Response, Segmentation, SegmentationRun

__all__ = [
    "Assignment",
    "EndpointResult",
    "Lesion",
    "Measurement",
    "RadiomicsRun",
    "Read",
    "Response",
    "Segmentation",
    "SegmentationRun",
]
