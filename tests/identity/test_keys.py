"""The master key: its own, guarded, proven at every start, replaced in a second, and never half replaced."""

import base64
import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.models import AuditEvent
from audit.secrets import make_key
from identity import box, keyring, services
from identity.envelope import EnvelopeRefused, master, unwrap, wrap
from identity.keyring import KeyRefused
from identity.models import Identity, IndexKey, MasterMark, SubjectKey
from identity.refusals import VaultRefused
from identity.services import keys
from identity.switch import KEY, NEXT_KEY
from tests.cast import Cast, actor_for
from tests.identity.conftest import ALMA
from tests.identity.test_records import opened_as
from tests.people import STAGE
from trials.models import Subject

pytestmark = pytest.mark.django_db(databases=["default", "identity"])


def held_by(path: Path) -> bytes:
    return base64.b64decode(path.read_text())


def spoil(path: Path, how: str) -> None:
    if how == "missing":
        path.unlink()
    elif how == "open":
        path.chmod(0o644)
    elif how == "another":
        path.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    else:
        path.write_bytes({"short": b"c2hvcnQ=", "junk": b"\xff\xfe not base64", "empty": b""}[how])


BROKEN = ["missing", "open", "another", "short", "junk", "empty"]


@pytest.mark.req("R-ID-14")
def test_the_key_is_a_file_of_its_own_that_nobody_else_reads_and_derives_from_no_other(
    vault: Path, settings: Any
) -> None:
    assert stat.S_IMODE(vault.stat().st_mode) == 0o600
    assert len(held_by(vault)) == 32
    others = {settings.KEY_ENCRYPTION_KEY, bytes.fromhex(settings.SECRET_KEY)}
    assert held_by(vault) not in others
    settings.SECRET_KEY, settings.KEY_ENCRYPTION_KEY = "another", secrets.token_bytes(32)
    services.open_vault()
    assert keyring.load().current == master(held_by(vault))


@pytest.mark.req("R-ID-14")
@pytest.mark.parametrize("how", BROKEN)
def test_a_vault_does_not_start_with_a_key_that_is_not_whole_hidden_and_its_own(
    recorded: Subject, vault: Path, how: str
) -> None:
    held = list(SubjectKey.objects.values_list())
    spoil(vault, how)
    with pytest.raises(KeyRefused) as refused:
        services.open_vault()
    with pytest.raises(CommandError):
        call_command("open_vault")
    assert list(SubjectKey.objects.values_list()) == held
    assert AuditEvent.objects.filter(act="vault.refused").count() == 2
    assert vault.exists() == (how != "missing"), "no new key may be made over a vault that holds something"
    if vault.exists() and how != "empty":
        assert vault.read_bytes().hex() not in str(refused.value).encode().hex()


@pytest.mark.req("R-ID-14")
@pytest.mark.parametrize("how", BROKEN)
def test_while_the_key_is_broken_nothing_is_recorded_and_site_staff_get_a_sentence(
    vault: Path, cast: Cast, how: str
) -> None:
    spoil(vault, how)
    with pytest.raises(VaultRefused, match="Tell the operator") as refused:
        services.record(by=actor_for(cast.alba), subject=cast.subject_a, person=ALMA)
    assert refused.value.code == "key"
    assert not SubjectKey.objects.exists()
    event = AuditEvent.objects.get(act="identity.refused")
    assert json.loads(event.after) == {"cause": "key"}


@pytest.mark.req("R-ID-14")
def test_a_vault_that_was_never_opened_or_lost_its_mark_refuses(key_file: Path, cast: Cast) -> None:
    with pytest.raises(VaultRefused):
        services.record(by=actor_for(cast.alba), subject=cast.subject_a, person=ALMA)
    services.open_vault()
    services.record(by=actor_for(cast.alba), subject=cast.subject_a, person=ALMA)
    MasterMark.objects.all().delete()
    with pytest.raises(KeyRefused, match="mark of its master key is gone"):
        services.open_vault()


@pytest.mark.req("R-ID-14")
def test_the_key_may_come_by_the_environment_and_then_no_file_is_made(
    key_file: Path, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, base64.b64encode(secrets.token_bytes(32)).decode())
    services.open_vault()
    services.record(by=actor_for(cast.alba), subject=cast.subject_a, person=ALMA)
    assert opened_as(cast.subject_a) == ALMA
    assert not key_file.exists()


@pytest.mark.req("R-ID-15")
def test_a_rotation_wraps_keys_anew_touches_no_value_and_destroys_the_old_key(recorded: Subject, vault: Path) -> None:
    old, values = held_by(vault), list(Identity.objects.values_list())
    file = vault.open("rb")
    done = services.rotate(by=STAGE)
    assert (done.subjects, done.indexes, done.old_is_destroyed) == (1, 1, True)
    assert list(Identity.objects.values_list()) == values
    assert opened_as(recorded) == ALMA
    assert held_by(vault) != old
    assert stat.S_IMODE(vault.stat().st_mode) == 0o600
    with file:
        # Even by a descriptor that was open before: the bytes on the disk are gone.
        assert base64.b64encode(old) not in file.read()
    assert [path.name for path in vault.parent.iterdir()] == ["identity.key"]
    wrapped = bytes(SubjectKey.objects.get().wrapped_key or b"")
    assert wrapped[0] == master(held_by(vault)).id
    with pytest.raises(EnvelopeRefused):
        unwrap(wrapped, master=master(old), place=box.key_place(recorded.code))
    services.open_vault()
    event = AuditEvent.objects.get(act="vault.rotated")
    assert json.loads(event.after)["subjects"] == 1


@pytest.mark.req("R-ID-15")
def test_rotating_again_and_again_leaves_every_value_readable(recorded: Subject, vault: Path, cast: Cast) -> None:
    seen = set()
    for _turn in range(5):
        services.rotate(by=STAGE)
        assert opened_as(recorded) == ALMA
        seen.add(held_by(vault))
    assert len(seen) == 5
    services.record(by=actor_for(cast.brisa), subject=cast.subject_b, person=ALMA, although_registered=True)


class Cut(Exception):
    """The power goes."""


@pytest.mark.req("R-ID-15")
@pytest.mark.parametrize("place", ["_rewrap_subjects", "_rewrap_indexes", "_mark", "end"])
def test_a_rotation_cut_short_anywhere_leaves_all_readable_and_is_finished_by_the_next(
    recorded: Subject, vault: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def cut(*_told: Any, **_more: Any) -> None:
        raise Cut

    old = held_by(vault)
    with monkeypatch.context() as broken:
        if place == "end":
            broken.setattr(keyring, "end_rotation", cut)
        else:
            broken.setattr(keys, place, cut)
        with pytest.raises(Cut):
            services.rotate(by=STAGE)
    assert (vault.parent / "identity.next.key").exists()
    assert held_by(vault) == old
    services.open_vault()
    assert opened_as(recorded) == ALMA
    coming = held_by(vault.parent / "identity.next.key")
    assert services.rotate(by=STAGE).old_is_destroyed
    assert held_by(vault) == coming
    assert opened_as(recorded) == ALMA
    assert not (vault.parent / "identity.next.key").exists()


@pytest.mark.req("R-ID-15")
def test_what_is_recorded_while_a_rotation_is_unfinished_outlives_the_old_key(
    recorded: Subject, vault: Path, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut() -> bool:
        raise Cut

    with monkeypatch.context() as broken:
        broken.setattr(keyring, "end_rotation", cut)
        with pytest.raises(Cut):
            services.rotate(by=STAGE)
    services.record(by=actor_for(cast.brisa), subject=cast.subject_b, person=ALMA, although_registered=True)
    services.rotate(by=STAGE)
    assert opened_as(cast.subject_b) == ALMA


@pytest.mark.req("R-ID-15")
def test_keys_of_the_environment_rotate_to_the_next_one_named(
    key_file: Path, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (base64.b64encode(os.urandom(32)).decode() for _ in (1, 2))
    monkeypatch.setenv(KEY, first)
    services.open_vault()
    services.record(by=actor_for(cast.alba), subject=cast.subject_a, person=ALMA)
    with pytest.raises(CommandError, match=NEXT_KEY):
        call_command("rotate_identity_key")
    monkeypatch.setenv(NEXT_KEY, first)
    with pytest.raises(CommandError, match="Make another"):
        call_command("rotate_identity_key")
    monkeypatch.setenv(NEXT_KEY, second)
    call_command("rotate_identity_key")
    assert opened_as(cast.subject_a) == ALMA
    monkeypatch.setenv(KEY, second)
    monkeypatch.delenv(NEXT_KEY)
    services.open_vault()
    assert opened_as(cast.subject_a) == ALMA
    monkeypatch.setenv(KEY, first)
    with pytest.raises(KeyRefused, match="another master key"):
        services.open_vault()


@pytest.mark.req("R-ID-15")
def test_one_touched_data_key_stops_a_rotation_and_everything_stays(recorded: Subject, vault: Path) -> None:
    row = SubjectKey.objects.get()
    touched = bytearray(row.wrapped_key or b"")
    touched[-1] ^= 1
    SubjectKey.objects.filter(pk=row.pk).update(wrapped_key=bytes(touched))
    before = list(IndexKey.objects.values_list()), held_by(vault)
    with pytest.raises(EnvelopeRefused):
        services.rotate(by=STAGE)
    assert (list(IndexKey.objects.values_list()), held_by(vault)) == before


@pytest.mark.req("R-ID-15")
def test_ten_thousand_data_keys_are_wrapped_anew_at_once(vault: Path) -> None:
    old = keyring.load().current
    inner = box.make_subject_key(box.hold(), trial_code="TUNDRA", subject_code="seed")
    key = unwrap(bytes(inner.wrapped_key or b""), master=old, place=box.key_place("seed"))
    codes = [f"{number:09d}" for number in range(10_000)]
    SubjectKey.objects.bulk_create(
        SubjectKey(
            trial_code="TUNDRA",
            subject_code=code,
            wrapped_key=wrap(key, master=old, place=box.key_place(code)),
            made_at=inner.made_at,
        )
        for code in codes
    )
    done = services.rotate(by=STAGE)
    assert done.subjects == 10_001
    (new,) = {bytes(each or b"")[0] for each in SubjectKey.objects.values_list("wrapped_key", flat=True)}
    assert new == keyring.load().current.id != old.id


@pytest.mark.req("R-ID-14")
def test_making_a_key_never_writes_over_one_and_leaves_no_scratch(tmp_path: Path) -> None:
    path = tmp_path / "identity.key"
    path.write_text("what stood there")
    with pytest.raises(FileExistsError):
        make_key(path, os.urandom(32))
    assert path.read_text() == "what stood there"
    assert list(tmp_path.iterdir()) == [path]
