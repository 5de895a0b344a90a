"""How dates look in this language: the month in words, so that no order of numbers misleads."""

DATE_FORMAT = "d b Y"
SHORT_DATE_FORMAT = "d b"
DATETIME_FORMAT = "d b Y H:i"
SECOND_FORMAT = "d b Y H:i:s"
