from endpoints.selectors.results import (
    BestRow,
    LesionRow,
    SegmentRow,
    SubjectRow,
    TimePointRow,
    subject_rows,
)

__all__ = ["BestRow", "LesionRow", "SegmentRow", "SubjectRow", "TimePointRow", "subject_rows"]
