"""A report of a hundred subjects, against the same cells in one bare ReportLab table: `-m benchmarks.reports`."""

import io
from dataclasses import astuple

from reportlab.platypus import LongTable, SimpleDocTemplate

from benchmarks.stopwatch import Rival, compare
from reports.contents import Contents
from reports.document import render
from tests.reports import samples

SUBJECTS = 100


def make_report(contents: Contents) -> bytes:
    return render(contents, contents_sha256="e" * 64, signature=samples.RELEASE)


def make_bare_table(contents: Contents) -> None:
    rows = [[str(cell)[:12] for cell in astuple(visit)] for reading in contents.readings for visit in reading.visits]
    SimpleDocTemplate(io.BytesIO()).build([LongTable(rows)])


if __name__ == "__main__":
    many, few = samples.contents(SUBJECTS), samples.contents(SUBJECTS // 10)
    compare(
        f"the document of {SUBJECTS} subjects",
        lambda: make_report(many),
        Rival("a bare table of as many cells (floor)", lambda: make_bare_table(many)),
        Rival(f"the document of {SUBJECTS // 10} subjects; 10 x is growth in proportion", lambda: make_report(few)),
        turns=3,
    )
