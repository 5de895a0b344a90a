"""How dates look in this language: the month in words, so that no order of numbers misleads."""

DATE_FORMAT = "d M Y"
SHORT_DATE_FORMAT = "d M"
DATETIME_FORMAT = "d M Y H:i"
SECOND_FORMAT = "d M Y H:i:s"
