"""A moment as a site reads it: in its own zone, which stands beside it."""

import datetime as dt
from zoneinfo import ZoneInfo

from django import template
from django.utils.formats import date_format

register = template.Library()


@register.filter
def moment(at: dt.datetime | None, zone: str) -> str:
    """Return day, hour and zone of an aware time; nothing for None. Raises ZoneInfoNotFoundError for no zone."""
    return _told(at, zone, "DATETIME_FORMAT")


@register.filter
def second(at: dt.datetime | None, zone: str) -> str:
    """Return the same to the second, for evidence."""
    return _told(at, zone, "SECOND_FORMAT")


def _told(at: dt.datetime | None, zone: str, form: str) -> str:
    return f"{date_format(at.astimezone(ZoneInfo(zone)), form)} {zone.replace('_', ' ')}" if at else ""
