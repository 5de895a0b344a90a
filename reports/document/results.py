"""The tables of results: subjects by time points, volumes, and why each response is what it is."""

from typing import Any

from reportlab.platypus import PageBreak

from reports.contents import Contents, Reading, Visit, Volume
from reports.document import styles, writing
from reports.document.styles import cell, paragraph, table

_HEAD = (
    "Time point",
    "Day",
    "Sum, mm",
    "Change",
    "Nadir, mm",
    "Target",
    "Non-target",
    "New lesion",
    "Overall",
)
_WIDTHS = (22, 20, 18, 20, 20, 16, 28, 18, 18)
# More rows than this may not fit on one page together.
_KEPT_TOGETHER = 10
_VOLUME_HEAD = ("Subject", "Time point", "Segment", "Voxels", "Volume, ml", "Long axis, mm", "Short axis, mm")
_VOLUME_WIDTHS = (26, 20, 44, 18, 24, 24, 24)


def results(contents: Contents) -> list[Any]:
    """Return the table of subjects by time points; few rows of a subject stay on one page."""
    rows: list[list[Any]] = []
    marks: list[tuple[Any, ...]] = [("ALIGN", (1, 0), (4, -1), "RIGHT"), ("LEFTPADDING", (5, 0), (5, -1), 10)]
    for reading in contents.readings:
        at = len(rows) + 1
        rows.append([paragraph(_name(reading), styles.STRONG), *[""] * (len(_HEAD) - 1)])
        rows.extend(_visit(visit) for visit in reading.visits)
        marks += _block(first=at, last=len(rows))
    return [
        paragraph("Results by subject and time point", styles.HEADING),
        table(_HEAD, rows, widths=_WIDTHS, more=marks) if rows else paragraph("No read was locked by the cut-off."),
    ]


def _block(*, first: int, last: int) -> list[tuple[Any, ...]]:
    """Return the marks of one subject's rows: a shaded heading, and no page break in between while they are few."""
    kept = last if last - first <= _KEPT_TOGETHER else first + 1
    return [
        ("SPAN", (0, first), (-1, first)),
        ("BACKGROUND", (0, first), (-1, first), styles.SHADE),
        ("NOSPLIT", (0, first), (-1, kept)),
    ]


def _name(reading: Reading) -> str:
    best = reading.best.value if reading.best else "none yet"
    return f"{reading.subject} · site {reading.site} · {reading.reader} · best overall response: {best}"


def _visit(visit: Visit) -> list[Any]:
    return [
        cell(visit.code),
        f"{visit.day} planned" if visit.is_day_planned else str(visit.day),
        writing.number(visit.sum_mm),
        writing.change(visit.change_pct),
        writing.number(visit.nadir_mm),
        writing.word(visit.target),
        writing.word(visit.non_target),
        "yes" if visit.new_lesion else "no",
        "baseline" if visit.is_baseline else visit.overall,
    ]


def volumes(contents: Contents) -> list[Any]:
    """Return the table of measured segments, or nothing where there are none."""
    if not contents.volumes:
        return []
    rows = [_volume(volume) for volume in contents.volumes]
    software = sorted({f"{part.name} {part.version}" for volume in contents.volumes for part in volume.software})
    return [
        paragraph("Volumes from segmentations", styles.HEADING),
        table(_VOLUME_HEAD, rows, widths=_VOLUME_WIDTHS, more=[("ALIGN", (3, 0), (-1, -1), "RIGHT")]),
        paragraph(f"Measured with {', '.join(software)}.", styles.QUIETLY),
    ]


def _volume(volume: Volume) -> list[Any]:
    return [
        volume.subject,
        cell(volume.time_point),
        paragraph(volume.label, styles.SMALL),
        str(volume.voxels),
        writing.number(volume.volume_ml),
        writing.number(volume.longest_axial_mm),
        writing.number(volume.short_axis_mm),
    ]


def reasons(contents: Contents) -> list[Any]:
    """Return, per subject, why each response is what it is and the hash of what it was computed from."""
    rows: list[list[Any]] = []
    marks: list[tuple[Any, ...]] = []
    for reading in contents.readings:
        at = len(rows) + 1
        rows.append([paragraph(_name(reading), styles.STRONG), ""])
        rows.extend([cell(v.code), paragraph(v.explanation, styles.SMALL)] for v in reading.visits)
        rows.extend([_best_reason(reading)] if reading.best else [])
        rows.extend(_inputs(reading))
        marks += _block(first=at, last=len(rows))
    rows.extend(_volume_input(volume) for volume in contents.volumes)
    if not rows:
        return []
    return [
        PageBreak(),
        paragraph("Why each response is what it is", styles.HEADING),
        table(("Time point", "Reason; SHA-256 of the input"), rows, widths=(24, 156), more=marks),
    ]


def _best_reason(reading: Reading) -> list[Any]:
    return ["Best", paragraph(reading.best.explanation if reading.best else "", styles.SMALL)]


def _volume_input(volume: Volume) -> list[Any]:
    words = f"Volume of {volume.label}, {volume.subject} at {volume.time_point}"
    return [
        paragraph("Input of volume", styles.SMALL),
        [paragraph(words, styles.SMALL), paragraph(volume.input_sha256, styles.HASH)],
    ]


def _inputs(reading: Reading) -> list[list[Any]]:
    """Return one row a hash with the responses that share it: one derivation gives them all."""
    told: dict[str, list[str]] = {}
    for visit in reading.visits:
        told.setdefault(visit.input_sha256, []).append(visit.code)
    if reading.best:
        told.setdefault(reading.best.input_sha256, []).append("best")
    return [
        [paragraph("Input of " + ", ".join(codes), styles.SMALL), paragraph(sha256, styles.HASH)]
        for sha256, codes in told.items()
    ]
