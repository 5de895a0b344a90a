"""The disk's reserve: new images are refused before the disk is full, so that what was taken before is finished.

Below it only the road, the database and the trail still write.
"""

import os

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

MEGABYTE = 10**6


def is_reached(more: int = 0) -> bool:
    """Whether less than the reserve would be left for the rest once `more` bytes were taken. Raises OSError."""
    try:
        disk = os.statvfs(settings.QUARANTINE_ROOT)
    except FileNotFoundError:
        # Nothing was received here yet.
        disk = os.statvfs(settings.HOME)
    return disk.f_bavail * disk.f_frsize - more < settings.RESERVE * MEGABYTE


def no_room() -> ValidationError:
    """Say that nothing can be stored now, whoever asks (`no-room`)."""
    sentence = _(
        "There is no room for new images now. Nothing of this was taken; what arrived before is kept encrypted and can "
        "go on. Send it again later; if it is urgent, ask the operator of this installation to make room."
    )
    return ValidationError(sentence, code="no-room")
