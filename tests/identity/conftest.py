"""An open vault on its own test database, with a key file of its own, and people who ask, agree and read."""

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from identity import services
from identity.models import UnlockWindow
from identity.person import Person, Sex
from identity.services import keys
from tests.cast import Cast, actor_for
from tests.signing import prove
from trials.models import Subject, User

SESSION = hashlib.sha256(b"the session of the test").hexdigest()
# Obviously invented, and searched for afterwards.
ALMA = Person(
    name="Zweistein, Alma",
    birth_date=dt.date(1947, 2, 11),
    sex=Sex.FEMALE,
    local_number="QX99871345",
    contact="Calle Inventada 7",
)
PLANTED = ("Zweistein", "1947-02-11", "QX99871345", "Calle Inventada")


@pytest.fixture
def key_file(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.VAULT_ON = True
    settings.IDENTITY_KEY_FILE = tmp_path / "keys" / "identity.key"
    # The test databases have one role; that this is refused is tested by itself.
    monkeypatch.setattr(keys, "_refuse_shared_database", lambda: None)
    file: Path = settings.IDENTITY_KEY_FILE
    return file


@pytest.fixture
def vault(cast: Cast, key_file: Path) -> Path:
    """The path of the master key of an opened vault."""
    services.open_vault()
    return key_file


@pytest.fixture
def recorded(vault: Path, cast: Cast) -> Subject:
    services.record(by=actor_for(cast.alba), subject=cast.subject_a, person=ALMA)
    return cast.subject_a


def ask(user: User, subject: Subject, reason: str = "the hospital must call her back", **other: Any) -> UnlockWindow:
    by, session = actor_for(user), other.pop("session", SESSION)
    offered = services.offer_request(by=by, subject=subject, reason=reason)
    proof = other.pop("proof", None) or prove(by, offered, **other)
    return services.request(by=by, subject=subject, reason=reason, session=session, proof=proof)


def agree(user: User, window: UnlockWindow, **other: Any) -> UnlockWindow:
    by = actor_for(user)
    offered = services.offer_approval(by=by, window=window)
    return services.approve(by=by, window=window, proof=prove(by, offered, **other))


@pytest.fixture
def opened(recorded: Subject, cast: Cast) -> UnlockWindow:
    """A window that Alba asked for and the data protection officer agreed to."""
    return agree(cast.officer, ask(cast.alba, recorded))


def later(monkeypatch: pytest.MonkeyPatch, by: dt.timedelta) -> None:
    """Let the vault's clock run ahead."""
    then = timezone.now() + by
    monkeypatch.setattr("identity.services.unlocking.timezone.now", lambda: then)
    monkeypatch.setattr("identity.services.unlocking.clock.is_unsafe", lambda: False)
