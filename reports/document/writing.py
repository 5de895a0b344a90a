"""How days, times, lengths and changes are written: English months, decimal point, UTC, on every machine."""

import datetime as dt
from decimal import Decimal

from reports.figures import percent

MISSING = "–"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def day(value: dt.date) -> str:
    return f"{value.day:02d} {_MONTHS[value.month - 1]} {value.year}"


def moment(value: dt.datetime) -> str:
    """Write a time in UTC to the second."""
    utc = value.astimezone(dt.UTC)
    return f"{day(utc)} {utc:%H:%M:%S} UTC"


def number(value: Decimal | None) -> str:
    return MISSING if value is None else f"{value:f}"


def change(value: Decimal | None) -> str:
    return MISSING if value is None else percent(value)


def word(value: str) -> str:
    return value or MISSING
