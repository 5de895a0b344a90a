"""Rows as CSV that no spreadsheet runs: every list that leaves the house is written here (CWE-1236)."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

# A spreadsheet takes a cell that begins so for a formula; the last four are full-width twins.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def sheet(rows: Iterable[Sequence[Any]]) -> bytes:
    """Return the rows as UTF-8 CSV (RFC 4180), each cell as text and neutral."""
    text = io.StringIO()
    csv.writer(text).writerows([neutral(str(cell)) for cell in row] for row in rows)
    return text.getvalue().encode()


def neutral(text: str) -> str:
    """Return text no spreadsheet runs: an apostrophe stands before what looks like a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
