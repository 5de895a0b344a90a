"""One stored image as a picture, decoded behind the fence; what cannot be shown is told in words."""

import logging

from django.utils.translation import gettext as _

from imaging import fence
from imaging.archive import ArchiveDamaged, ObjectMissing, load
from imaging.frames import Preset, RenderedFrame

log = logging.getLogger("corelab.imaging")


class ImageGone(RuntimeError):
    """The stored bytes are not there, or not what was filed; `sentence` tells whoever asked."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def show(sha256: str, *, frame: int, window: Preset | None) -> RenderedFrame:
    """Return one frame (from 1) of a stored image. Raises FrameRefused, ImageGone."""
    try:
        data = load(sha256)
    except ObjectMissing as missing:
        # An erased image is no fault of ours, a lost one is: the operator is told of both.
        log.error("%s", missing)  # noqa: TRY400  a hash and a sentence, no trace
        words = _("This image is no longer in the archive: it was erased, or the archive is damaged.")
        raise ImageGone(words) from None
    except ArchiveDamaged as damage:
        log.error("%s", damage)  # noqa: TRY400  as above
        words = _("The stored bytes of this image are no longer those that were filed, so it is not shown.")
        raise ImageGone(words) from None
    return fence.render(data, frame=frame, window=window)
