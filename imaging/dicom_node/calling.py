"""Calling others: tools that images are moved to, and senders that wait for a report. Nobody else is called."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from django.conf import settings
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from imaging.dicom_node import limits, tls


class Unreachable(Exception):
    """Nobody is there, or not the one who was registered."""


class Refused(Unreachable):
    """Somebody is there and takes no association of ours."""


class Stranger(Unreachable):
    """Somebody is there with another certificate than the registered one."""


class Listening(Protocol):
    """Where somebody listens, and by which certificate they are known."""

    host: str | None
    port: int | None
    certificate_sha256: str


@contextmanager
def line(
    to: Listening,
    *,
    ae_title: str,
    contexts: Sequence[PresentationContext],
    roles: Sequence[Any] = (),
    seconds: int = limits.ANSWER_SECONDS,
) -> Iterator[Association]:
    """Hold an association with a registered peer, over TLS where the node has a certificate. Raises Unreachable."""
    context = tls.calling_context()
    if to.host is None or to.port is None or (to.certificate_sha256 and context is None):
        raise Unreachable
    ae = AE(ae_title=settings.DICOM_AE_TITLE)
    ae.acse_timeout = ae.dimse_timeout = ae.connection_timeout = seconds
    association = ae.associate(
        to.host,
        to.port,
        contexts=list(contexts),
        ae_title=ae_title,
        ext_neg=list(roles),
        tls_args=(context, to.host) if context else None,
    )
    freed(association)
    try:
        if association.is_rejected:
            raise Refused
        if not association.is_established:
            raise Unreachable
        if not _is_the_one(association, to.certificate_sha256):
            raise Stranger
        yield association
    finally:
        if association.is_established:
            association.release()
        elif association.dul.socket is not None:
            with suppress(OSError):
                association.dul.socket.close()


def freed(association: Association) -> Association:
    """Return an association whose calls end although the peer ends it under them.

    Before it sends, pynetdicom waits for its own thread to pause, and waits for good where that thread has just ended.
    """
    threading.Thread(target=_pause_at_its_end, args=(association,), daemon=True).start()
    return association


def _pause_at_its_end(association: Association) -> None:
    with suppress(RuntimeError):  # never begun: no connection
        association.join()
    association._is_paused = True  # noqa: SLF001  the word that its callers wait for


def _is_the_one(association: Association, certificate: str) -> bool:
    """Whether the peer shows the certificate that it was registered with, before anything is sent to it."""
    line = association.dul.socket
    is_known = line is not None and (not certificate or tls.certificate_of(line.socket) == certificate)
    if not is_known:
        association.abort()
    return is_known
