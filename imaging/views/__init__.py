from imaging.views.custody import archive_state, conflict_list
from imaging.views.deliveries import (
    send,
    submission,
    submission_assign,
    submission_certificate,
    submission_discard,
    submission_keep,
    submission_list,
    submission_receipt,
    submission_resend,
    submission_state,
)
from imaging.views.doors import site_door
from imaging.views.holding import quarantine_decide, quarantine_desk, quarantine_item
from imaging.views.lines import site_dicom
from imaging.views.pixels import pixel_decide, pixel_frame, pixel_list, pixel_review
from imaging.views.quality import qc_decide, query_answer, time_point
from imaging.views.scans import series, series_frame
from imaging.views.tools import tool_list, tool_revoke

__all__ = [
    "archive_state",
    "conflict_list",
    "pixel_decide",
    "pixel_frame",
    "pixel_list",
    "pixel_review",
    "qc_decide",
    "quarantine_decide",
    "quarantine_desk",
    "quarantine_item",
    "query_answer",
    "send",
    "series",
    "series_frame",
    "site_dicom",
    "site_door",
    "submission",
    "submission_assign",
    "submission_certificate",
    "submission_discard",
    "submission_keep",
    "submission_list",
    "submission_receipt",
    "submission_resend",
    "submission_state",
    "time_point",
    "tool_list",
    "tool_revoke",
]
