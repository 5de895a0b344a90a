"""An erasure destroys the key: nothing opens any more, no byte of it stays, and the trail holds a tombstone."""

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from audit.context import acting
from audit.models import AuditEvent
from identity import services
from identity.models import Identity, SubjectKey, UnlockWindow
from identity.person import FIELDS, Correction
from identity.refusals import VaultRefused
from tests import prepared
from tests.cast import Cast, actor_for
from tests.identity.conftest import ALMA, SESSION, ask
from tests.people import STAGE
from tests.stack import ROOT, environment_of
from trials.models import Subject

TWO = pytest.mark.django_db(databases=["default", "identity"])


def shred(subject: Subject, **other: Any) -> services.Shredded:
    told: dict[str, Any] = {
        "by": STAGE,
        "subject_code": subject.code,
        "trial_code": "TUNDRA",
        "reason": "she asked for it",
    }
    with acting(told["by"]):
        return services.shred(**(told | other))


@TWO
@pytest.mark.req("R-ID-16")
def test_after_shredding_nothing_opens_and_the_trail_holds_a_tombstone(cast: Cast, opened: UnlockWindow) -> None:
    waiting = ask(cast.alba, cast.subject_a)
    facts = shred(cast.subject_a)
    assert (facts.was_held, facts.has_vault, facts.fields, facts.windows_closed) == (True, True, FIELDS, 2)
    assert facts.key_destroyed_at == facts.at
    row = SubjectKey.objects.get()
    assert (row.wrapped_key, row.destroyed_at, row.subject_code) == (None, facts.at, cast.subject_a.code)
    assert not Identity.objects.exists()
    assert facts.event is not None
    tombstone = AuditEvent.objects.get(sequence=facts.event)
    assert (tombstone.act, tombstone.reason) == ("identity.shredded", "she asked for it")
    assert json.loads(tombstone.after)["windows_closed"] == 2
    by = actor_for(cast.alba)
    with pytest.raises(VaultRefused):
        services.reveal(by=by, window=opened, session=SESSION)
    with pytest.raises(VaultRefused, match="does not wait"):
        services.offer_approval(by=actor_for(cast.officer), window=UnlockWindow.objects.get(pk=waiting.pk))
    for act in (
        lambda: ask(cast.alba, cast.subject_a),
        lambda: services.record(by=by, subject=cast.subject_a, person=ALMA),
        lambda: services.correct(by=by, subject=cast.subject_a, change=Correction(contact="x"), reason="moved"),
    ):
        with pytest.raises(VaultRefused, match="erased"):
            act()
    assert not Identity.objects.exists()
    with pytest.raises(FrozenInstanceError):
        facts.was_held = False  # type: ignore[misc]  # that is the point


@TWO
@pytest.mark.req("R-ID-16")
def test_shredding_again_keeps_the_first_moment_and_the_other_subject(cast: Cast, recorded: Subject) -> None:
    services.record(by=actor_for(cast.brisa), subject=cast.subject_b, person=ALMA, although_registered=True)
    first, again = shred(recorded), shred(recorded)
    assert again.key_destroyed_at == first.key_destroyed_at
    assert again.event != first.event
    assert SubjectKey.objects.get(subject_code=cast.subject_b.code).wrapped_key is not None
    assert Identity.objects.count() == 1


@TWO
@pytest.mark.req("R-ID-16")
def test_a_subject_that_was_never_recorded_is_told_so_and_needs_no_key(cast: Cast, vault: Path) -> None:
    vault.unlink()
    facts = shred(cast.subject_b)
    assert (facts.was_held, facts.has_vault, facts.fields) == (False, True, ())
    assert facts.event


@TWO
@pytest.mark.req("R-ID-16")
def test_without_a_reason_nothing_is_destroyed(cast: Cast, recorded: Subject) -> None:
    with pytest.raises(ValidationError):
        shred(recorded, reason=" ")
    assert SubjectKey.objects.get().wrapped_key is not None


@pytest.mark.django_db
@pytest.mark.req("R-ID-16", "R-ID-20")
def test_where_there_is_no_vault_nothing_was_held_and_no_database_is_asked(cast: Cast) -> None:
    facts = shred(cast.subject_a)
    assert (facts.was_held, facts.has_vault, facts.event) == (False, False, None)


_DEED = """
import datetime as dt, sys
import django
django.setup()
from django.core.management import call_command
from django.db import connections, transaction
from audit.context import acting
from identity import box, services
from identity.models import Identity, SubjectKey
from tests.identity.conftest import ALMA
from tests.people import STAGE
from trials.models import Site, Sponsor, Subject, Trial, TrialSite
with acting(STAGE, reason="a test"):
    call_command("open_vault")
    sponsor = Sponsor.objects.create(name="S")
    trial = Trial.objects.create(code="T", title="T", protocol_number="T", sponsor=sponsor, wrapped_key=b"k")
    site = TrialSite.objects.create(trial=trial, site=Site.objects.create(code="s", name="S"), number="01")
    Subject.objects.create(trial_site=site, code="ABCD-EFGH", day_zero=dt.date(2026, 1, 1))
    with transaction.atomic(using="identity"):
        masters = box.hold()
        row = box.make_subject_key(masters, trial_code="T", subject_code="ABCD-EFGH")
        fields = box.sealed_fields(ALMA, key=box.data_key(masters, row), subject_code="ABCD-EFGH")
        Identity.objects.create(subject_key=row, person_index="1" * 64, **fields)
    print(row.wrapped_key.hex(), fields["name"].hex())
    sys.stdout.flush()
    sys.stdin.readline()
    services.shred(by=STAGE, subject_code="ABCD-EFGH", trial_code="T", reason="asked")
    # Still open: the bytes are gone while the product runs.
    print("done")
    sys.stdout.flush()
    sys.stdin.readline()
"""


@pytest.mark.req("R-ID-16")
def test_no_file_of_an_embedded_vault_keeps_a_byte_of_the_destroyed_key(tmp_path: Path) -> None:
    prepared.lay(tmp_path, CORELAB_VAULT="on")
    environment = environment_of(tmp_path, CORELAB_VAULT="on", DJANGO_SETTINGS_MODULE="config.settings")
    with subprocess.Popen(
        [sys.executable, "-c", _DEED],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as deed:
        assert deed.stdin
        assert deed.stdout
        assert deed.stdout.readline() == "The vault opens.\n"
        secrets = [bytes.fromhex(word) for word in deed.stdout.readline().split()]
        assert [_is_kept(tmp_path, secret) for secret in secrets] == [True, True]
        print(file=deed.stdin, flush=True)
        assert deed.stdout.readline() == "done\n"
        assert [_is_kept(tmp_path, secret) for secret in secrets] == [False, False]
        print(file=deed.stdin, flush=True)
    assert deed.returncode == 0


def _is_kept(home: Path, secret: bytes) -> bool:
    return any(secret in path.read_bytes() for path in home.rglob("*") if path.is_file())
