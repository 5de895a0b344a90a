"""Recording and correcting: sealed in the one database, told without values in the other."""

import datetime as dt
import json
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connections
from django.http import Http404

from audit.models import AuditEvent
from identity import box, services
from identity.models import Identity, IndexKey, SubjectKey
from identity.person import FIELDS, Correction, Person, Sex
from identity.refusals import VaultRefused
from identity.services import records
from identity.switch import ALIAS
from privacy.services import access_packages
from privacy.services.dossiers import IDENTITY, IN_VAULT
from tests.cast import Cast, actor_for, register
from tests.identity.conftest import ALMA, PLANTED
from trials.models import Subject

pytestmark = pytest.mark.django_db(databases=["default", "identity"])
OTHER = Person(name="Anderer, Mensch", birth_date=dt.date(1950, 5, 5), sex=Sex.MALE)


def opened_as(subject: Subject) -> Person:
    """Open a row as the service does, without its rights."""
    masters, identity = box.hold(), records.find(subject)
    return box.person_in(identity, key=box.data_key(masters, identity.subject_key))


def told(subject: Subject) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(act__startswith="identity.", object_id=str(subject.pk)).order_by("sequence"))


def everything(alias: str) -> str:
    """All that a database holds, as text and as hex."""
    connection, found = connections[alias], []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608  every table, by its own name
            found += [bytes(value) if isinstance(value, memoryview) else value for row in cursor for value in row]
    return "\n".join(str(value) + (value.decode("latin-1") if isinstance(value, bytes) else "") for value in found)


@pytest.mark.req("R-ID-08")
def test_what_is_recorded_is_sealed_and_no_database_tells_it(recorded: Subject) -> None:
    assert opened_as(recorded) == ALMA
    for alias in ("default", ALIAS):
        held = everything(alias)
        assert recorded.code in held
        for planted in (*PLANTED, "19470211", "zweistein"):
            assert planted not in held, (alias, planted)


@pytest.mark.req("R-ID-08")
def test_the_trail_tells_that_it_was_recorded_by_whom_and_no_value(recorded: Subject) -> None:
    (event,) = told(recorded)
    assert (event.act, event.actor_id, event.role) == ("identity.recorded", "alba", "site_staff")
    assert json.loads(event.after) == {"fields": sorted(FIELDS), "registered_before": False}


@pytest.mark.req("R-ID-08")
def test_a_correction_tells_fields_and_reason_and_neither_the_old_nor_the_new_value(
    cast: Cast, recorded: Subject
) -> None:
    change = Correction(name="Zweistein-Nuevo, Alma", contact="Plaza Nueva 3")
    services.correct(by=actor_for(cast.alba), subject=recorded, change=change, reason="she married")
    assert opened_as(recorded) == ALMA.corrected(change)
    event = told(recorded)[-1]
    assert (event.act, event.reason) == ("identity.corrected", "she married")
    assert json.loads(event.after) == {"fields": ["contact", "name"]}
    held = everything("default")
    for planted in (*PLANTED, "Nuevo", "Plaza"):
        assert planted not in held


@pytest.mark.req("R-ID-08")
@pytest.mark.parametrize(
    "reason", ["was Zweistein before", "wrong: qx99871345", "not born 1947-02-11", "not 11.02.1947", "ANDERER is right"]
)
def test_a_reason_that_repeats_a_value_is_refused(cast: Cast, recorded: Subject, reason: str) -> None:
    with pytest.raises(VaultRefused, match="in other words"):
        services.correct(
            by=actor_for(cast.alba), subject=recorded, change=Correction(name="Anderer, Alma"), reason=reason
        )
    assert opened_as(recorded) == ALMA
    assert json.loads(told(recorded)[-1].after) == {"cause": "telling"}
    assert reason not in everything("default")


@pytest.mark.req("R-ID-08")
@pytest.mark.parametrize(
    ("change", "reason", "code"),
    [
        (Correction(), "why", "nothing"),
        (Correction(contact="x"), " ", "no-reason"),
        (Correction(name="''"), "why", "implausible"),
        (Correction(birth_date=dt.date(1700, 1, 1)), "why", "implausible"),
        (Correction(contact="x" * 501), "why", "implausible"),
    ],
)
def test_a_correction_without_change_reason_or_sense_changes_nothing(
    cast: Cast, recorded: Subject, change: Correction, reason: str, code: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        services.correct(by=actor_for(cast.alba), subject=recorded, change=change, reason=reason)
    errors = refused.value.error_dict.values() if hasattr(refused.value, "error_dict") else [[refused.value]]
    assert {error.code for each in errors for error in each} <= {code, None}
    assert opened_as(recorded) == ALMA


@pytest.mark.req("R-ID-09")
def test_only_staff_of_the_subjects_own_site_records(cast: Cast, vault: object) -> None:
    for user in (cast.coordinator, cast.analyst, cast.monitor, cast.officer):
        with pytest.raises(PermissionDenied):
            services.record(by=actor_for(user), subject=cast.subject_a, person=ALMA)
    for user in (cast.brisa, cast.reader, cast.sponsor, cast.stranger, cast.operator):
        with pytest.raises(Http404):
            services.record(by=actor_for(user), subject=cast.subject_a, person=ALMA)
    assert not SubjectKey.objects.exists()


@pytest.mark.req("R-ID-09")
def test_recording_twice_is_refused_with_an_event(cast: Cast, recorded: Subject) -> None:
    with pytest.raises(VaultRefused, match="Correct it instead"):
        services.record(by=actor_for(cast.alba), subject=recorded, person=OTHER)
    assert opened_as(recorded) == ALMA
    assert json.loads(told(recorded)[-1].after) == {"cause": "recorded"}


@pytest.mark.req("R-ID-10")
@pytest.mark.parametrize("name", ["Zweistein, Alma", "ALMA ZWEISTEIN", "zweistein^alma", "Zwei-Stein Álma"])
def test_a_person_registered_before_is_found_whatever_the_spelling(cast: Cast, recorded: Subject, name: str) -> None:
    again = Person(name=name, birth_date=ALMA.birth_date, sex=ALMA.sex)
    with pytest.raises(VaultRefused, match="under another code") as refused:
        services.record(by=actor_for(cast.brisa), subject=cast.subject_b, person=again)
    assert recorded.code not in str(refused.value)
    assert not SubjectKey.objects.filter(subject_code=cast.subject_b.code).exists()
    services.record(by=actor_for(cast.brisa), subject=cast.subject_b, person=again, although_registered=True)
    assert json.loads(told(cast.subject_b)[-1].after)["registered_before"] is True


@pytest.mark.req("R-ID-10")
@pytest.mark.parametrize(
    "change",
    [Correction(name="Zweistein, Alba"), Correction(birth_date=dt.date(1947, 2, 12)), Correction(sex=Sex.OTHER)],
)
def test_a_name_or_birth_date_alone_finds_nobody(cast: Cast, recorded: Subject, change: Correction) -> None:
    services.record(by=actor_for(cast.brisa), subject=cast.subject_b, person=ALMA.corrected(change))
    assert len(set(Identity.objects.values_list("person_index", flat=True))) == 2


@pytest.mark.req("R-ID-10")
def test_the_index_follows_a_correction_and_is_keyed_by_trial(cast: Cast, recorded: Subject) -> None:
    twin = register(cast.alba, cast.site_a, cast.form)
    change = Correction(name="Anderer, Alma")
    services.correct(by=actor_for(cast.alba), subject=recorded, change=change, reason="mixed up at the desk")
    services.record(by=actor_for(cast.alba), subject=twin, person=ALMA)
    masters = box.hold()
    indexes = {box.index_of(ALMA, key=box.index_key(masters, trial)) for trial in ("TUNDRA", "BOREAL")}
    assert len(indexes) == 2
    assert IndexKey.objects.count() == 2


def _swap(model: Any, column: str, one: Any, other: Any) -> None:
    mine, theirs = getattr(one, column), getattr(other, column)
    for row, value in ((one, theirs), (other, mine)):
        model.objects.filter(pk=row.pk).update(**{column: value})


@pytest.mark.req("R-ID-06")
@pytest.mark.parametrize("column", FIELDS)
def test_values_swapped_between_two_subjects_are_refused(cast: Cast, recorded: Subject, column: str) -> None:
    services.record(by=actor_for(cast.brisa), subject=cast.subject_b, person=OTHER)
    _swap(Identity, column, *Identity.objects.order_by("pk"))
    _refused(cast, recorded)


@pytest.mark.req("R-ID-06")
def test_values_swapped_between_two_columns_are_refused(cast: Cast, recorded: Subject) -> None:
    row = Identity.objects.get()
    Identity.objects.filter(pk=row.pk).update(name=row.contact, contact=row.name)
    _refused(cast, recorded)


@pytest.mark.req("R-ID-06", "R-ID-07")
def test_two_subjects_whose_keys_or_codes_were_swapped_are_refused(cast: Cast, recorded: Subject) -> None:
    services.record(by=actor_for(cast.brisa), subject=cast.subject_b, person=OTHER)
    one, other = SubjectKey.objects.order_by("pk")
    _swap(SubjectKey, "wrapped_key", one, other)
    _refused(cast, recorded)
    _swap(SubjectKey, "wrapped_key", *SubjectKey.objects.order_by("pk"))
    codes = (one.subject_code, other.subject_code)
    for row, code in ((one, "0000-0000"), (other, codes[0]), (one, codes[1])):
        SubjectKey.objects.filter(pk=row.pk).update(subject_code=code)
    _refused(cast, recorded)


def _refused(cast: Cast, subject: Subject) -> None:
    """The service refuses, shows and changes nothing, and says so in the trail."""
    held = list(Identity.objects.order_by("pk").values_list())
    with pytest.raises(VaultRefused, match="altered, or moved"):
        services.correct(
            by=actor_for(cast.alba), subject=subject, change=Correction(contact="x"), reason="she moved house"
        )
    assert list(Identity.objects.order_by("pk").values_list()) == held
    assert json.loads(told(subject)[-1].after) == {"cause": "damaged"}


@pytest.mark.req("R-PRIV-03", "R-ID-08")
def test_an_access_package_says_that_the_identity_lies_in_the_vault_and_tells_no_value(
    cast: Cast, recorded: Subject
) -> None:
    by = actor_for(cast.officer)
    package = access_packages.hand_out(by=by, subject=recorded)
    other = access_packages.hand_out(by=by, subject=cast.subject_b)
    assert [json.loads(made.data)["identity"] for made in (package, other)] == [IN_VAULT, IDENTITY]
    assert not [word for word in PLANTED if word.encode() in package.data]
