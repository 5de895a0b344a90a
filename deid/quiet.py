"""pydicom warns with the very values it stumbles over; in this engine such words must reach no log."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


def _is_never_logged(_: logging.LogRecord) -> bool:
    return False


@contextmanager
def silence() -> Iterator[None]:
    """Keep pydicom's warnings and log lines from leaving the block."""
    logger = logging.getLogger("pydicom")
    logger.addFilter(_is_never_logged)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.removeFilter(_is_never_logged)
