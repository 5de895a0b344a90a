from imaging.views.deliveries import (
    send,
    submission,
    submission_assign,
    submission_certificate,
    submission_discard,
    submission_list,
    submission_receipt,
    submission_state,
)
from imaging.views.pixels import pixel_decide, pixel_frame, pixel_list, pixel_review
from imaging.views.quality import qc_decide, query_answer, time_point
from imaging.views.scans import series, series_frame

__all__ = [
    "pixel_decide",
    "pixel_frame",
    "pixel_list",
    "pixel_review",
    "qc_decide",
    "query_answer",
    "send",
    "series",
    "series_frame",
    "submission",
    "submission_assign",
    "submission_certificate",
    "submission_discard",
    "submission_list",
    "submission_receipt",
    "submission_state",
    "time_point",
]
