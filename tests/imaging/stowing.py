"""A sender over DICOMweb: bodies as foreign programs write them."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.test import Client

from audit.context import _OPEN
from imaging.dicomweb.multipart import compose
from tests.cast import Cast, actor_for
from tests.people import TODAY
from trials.models import TrialSite, User
from trials.services import tokens
from trials.services.tokens import Granted

BOUNDARY = "frontier-7"
RELATED = f'multipart/related; type="application/dicom"; boundary="{BOUNDARY}"'
DICOM = {"Content-Type": "application/dicom"}


def grant(staff: User, site: TrialSite, **told: Any) -> Granted:
    new: dict[str, Any] = {"label": "PACS gateway", "reason": "the scanner sends", "ends_on": TODAY + dt.timedelta(30)}
    return tokens.grant(by=actor_for(staff), trial_site=site, **(new | told))


def body(objects: list[bytes], head: dict[str, str] | None = None) -> bytes:
    heads = DICOM if head is None else head
    return b"".join(compose(((heads, data) for data in objects), boundary=BOUNDARY))


@contextmanager
def nobody_acting() -> Iterator[None]:
    """As a request of a stranger finds it: the stage, who acts in every test, stands aside."""
    token = _OPEN.set(None)
    try:
        yield
    finally:
        _OPEN.reset(token)


class Sender:
    """Whatever holds a token."""

    def __init__(self, secret: str) -> None:
        self.http, self.secret = Client(), secret

    def post(self, data: bytes, *, path: str = "/dicomweb/studies", kind: str = RELATED, **headers: str) -> Any:
        told = {"authorization": f"Bearer {self.secret}"} | headers
        with nobody_acting():
            return self.http.post(path, data, content_type=kind, headers=told)

    def send(self, objects: list[bytes], *, path: str = "/dicomweb/studies") -> Any:
        return self.post(body(objects), path=path)

    def get(self, path: str) -> Any:
        with nobody_acting():
            return self.http.get(path, headers={"authorization": f"Bearer {self.secret}"})


def sender_of(cast: Cast) -> Sender:
    return Sender(grant(cast.alba, cast.site_a).secret)
