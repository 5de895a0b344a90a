"""The clocks of law: a month to answer, 72 hours to tell, years to keep..

Months and years are counted as Regulation (EEC, Euratom) 1182/71, article 3(2)(c) says: the period ends with the day of
the same number, and where a month has no such day, with the last of that month.
"""

import calendar
import datetime as dt

TELL_WITHIN = dt.timedelta(hours=72)
_YEAR = 12


def months_after(day: dt.date, months: int) -> dt.date:
    """Return the last day of a period of months. Raises ValueError where no calendar has it."""
    year, month = divmod(day.year * _YEAR + day.month - 1 + months, _YEAR)
    last = calendar.monthrange(year, month + 1)[1]
    return dt.date(year, month + 1, min(day.day, last))


def answer_due(received_on: dt.date) -> dt.date:
    """Return the last day on which a request is answered in time (GDPR 12(3): within one month of receipt)."""
    return months_after(received_on, 1)


def extended_due(received_on: dt.date, months: int) -> dt.date:
    """Return the last day after an extension by `months`, 1 or 2 (GDPR 12(3)): one period, counted from the receipt."""
    return months_after(received_on, 1 + months)


def kept_until(ended_on: dt.date, years: int) -> dt.date:
    """Return the last day on which records must be kept (CTR 58: at least 25 years after the end of the trial)."""
    return months_after(ended_on, years * _YEAR)


def tell_by(known_at: dt.datetime) -> dt.datetime:
    """Return the moment by which the authority is told of a breach (GDPR 33(1): 72 hours after having known it)."""
    return known_at + TELL_WITHIN
