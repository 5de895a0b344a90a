"""DICOM tools of the core laboratory: who registers them, what binds them, and what they may see at each moment."""

import datetime as dt
import io
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.test import Client
from django.utils import timezone
from pydicom import dcmread

from audit.context import acting
from audit.models import AuditEvent
from imaging.dicomweb.resources import Kind, Resource
from imaging.models import Instance, Submission, Tool
from imaging.services import doors, tools
from imaging.services.doors import Binding, Caller
from tests.cast import Cast, actor_for, found_trial, withdraw
from tests.people import STAGE
from trials.agreement import Gate, Level
from trials.models import Disclosure, Membership

pytestmark = pytest.mark.django_db
HERE = Caller(address="192.0.2.7", certificate_sha256="ab" * 32)
TODAY = timezone.localdate()


def new(cast: Cast, **told: Any) -> tools.NewTool:
    usual: dict[str, Any] = {
        "label": "viewer",
        "ae_title": "VIEWER",
        "holder": cast.analyst,
        "purpose": Tool.Purpose.READ,
        "binding": Binding(networks=["192.0.2.0/24"], certificate="ab" * 32, host="192.0.2.7", port=104),
        "ends_on": TODAY,
        "reason": "for quality control",
    }
    return tools.NewTool(**(usual | told))


def registered(cast: Cast, **told: Any) -> Tool:
    return tools.register(by=actor_for(cast.coordinator), trial=cast.trial, new=new(cast, **told))


def admitted(name: str = "VIEWER", caller: Caller = HERE) -> tools.Admitted:
    return tools.admit(ae_title=name, caller=caller, request_id="call")


def uids(shelf: Any, submission: Submission) -> list[str]:
    study = Instance.objects.filter(submission=submission)[0].series.study.uid
    with acting(shelf.by):
        return [one.instance for one in shelf.objects(Resource(kind=Kind.OBJECTS, study=study))]


@pytest.mark.req("R-QR-11")
def test_a_tool_is_registered_by_the_coordinator_with_everything_that_binds_it(cast: Cast) -> None:
    foreign = found_trial(cast.stranger, "FJORD")
    wrong: tuple[tuple[str, dict[str, Any]], ...] = (
        ("no-reason", {"reason": " "}),
        ("ends", {"ends_on": TODAY - dt.timedelta(days=1)}),
        ("ends", {"ends_on": TODAY + dt.timedelta(days=400)}),
        ("holder", {"holder": cast.alba}),
        ("holder", {"holder": cast.reader}),
        ("holder", {"holder": cast.stranger}),
        ("network", {"binding": Binding()}),
        ("network", {"binding": Binding(networks=["nowhere"])}),
        ("certificate", {"binding": Binding(networks=["192.0.2.0/24"], certificate="nonsense")}),
        ("listens", {"binding": Binding(networks=["192.0.2.0/24"], host="192.0.3.1", port=104)}),
        ("listens", {"binding": Binding(networks=["192.0.2.0/24"], port=104)}),
        ("taken", {"ae_title": "ALBA_PACS"}),
        ("taken", {"ae_title": settings.DICOM_AE_TITLE}),
    )
    for code, told in wrong:
        with pytest.raises(ValidationError) as refusal:
            registered(cast, **told)
        errors = getattr(refusal.value, "error_dict", {"": [refusal.value]})
        assert {one.code for each in errors.values() for one in each} == {code}, told
    for who in (cast.analyst, cast.administrator, cast.monitor, cast.alba):
        with pytest.raises(PermissionDenied):
            tools.register(by=actor_for(who), trial=cast.trial, new=new(cast))
    with pytest.raises(Http404):
        tools.register(by=actor_for(cast.coordinator), trial=foreign, new=new(cast))
    assert not Tool.objects.exists()
    tool = registered(cast)
    event = AuditEvent.objects.get(act="tool.registered")
    assert (event.reason, event.actor_id) == ("for quality control", cast.coordinator.username)
    with pytest.raises(ValidationError, match="AE title"):
        registered(cast)
    tools.revoke(by=actor_for(cast.coordinator), tool=tool, reason="lost")
    assert registered(cast).pk != tool.pk


@pytest.mark.req("R-QR-11")
def test_where_the_node_speaks_tls_a_tool_needs_a_certificate(cast: Cast, settings: Any) -> None:
    settings.DICOM_TLS_CERTIFICATE = "node.pem"
    with pytest.raises(ValidationError, match="certificate"):
        registered(cast, binding=Binding(networks=["192.0.2.0/24"]))
    assert registered(cast).certificate_sha256 == HERE.certificate_sha256


@pytest.mark.req("R-QR-03")
def test_a_tool_is_believed_from_its_networks_and_by_its_certificate_alone(cast: Cast) -> None:
    registered(cast)
    strangers = (
        Caller(address="192.0.3.7", certificate_sha256="ab" * 32),
        Caller(address="192.0.2.7", certificate_sha256="cd" * 32),
        Caller(address="192.0.2.7"),
    )
    for caller in strangers:
        assert "VIEWER" not in doors.known_ae_titles(caller)
        with pytest.raises(PermissionDenied):
            admitted(caller=caller)
    assert AuditEvent.objects.filter(act="tool.refused").count() == 1, "told once an hour"
    assert "VIEWER" in doors.known_ae_titles(HERE)
    assert admitted().by.on_behalf_of == cast.analyst.username
    for name in ("ALBA_PACS", "NOBODY", "", "viewer"):
        with pytest.raises(PermissionDenied):
            admitted(name)


@pytest.mark.req("R-QR-08")
def test_a_tool_sees_what_its_holder_sees_in_its_own_trial_and_no_other(cast: Cast, filed: Submission) -> None:
    registered(cast)
    assert len(uids(admitted().shelf(), filed)) == Instance.objects.count()
    other = found_trial(cast.stranger, "FJORD")
    foreign = new(cast, holder=cast.stranger, ae_title="FOREIGN")
    tools.register(by=actor_for(cast.stranger), trial=other, new=foreign)
    with pytest.raises(Http404):
        uids(admitted("FOREIGN").shelf(), filed)
    # A destination is a tool of the same trial that listens.
    assert admitted().destination("VIEWER") is not None
    assert admitted().destination("FOREIGN") is None


@pytest.mark.req("R-QR-08")
@pytest.mark.parametrize("change", ["revoked", "ended", "role", "account", "sender"])
def test_a_tool_gets_nothing_from_the_moment_its_ground_is_gone(cast: Cast, change: str) -> None:
    tool = registered(cast)
    admitted()
    with acting(STAGE, reason="its ground goes"):
        if change == "revoked":
            tools.revoke(by=actor_for(cast.coordinator), tool=tool, reason="lost")
        elif change == "ended":
            Tool.objects.filter(pk=tool.pk).update(ends_on=TODAY - dt.timedelta(days=1))
        elif change == "role":
            yesterday = TODAY - dt.timedelta(days=1)
            Membership.objects.filter(user=cast.analyst).update(starts=yesterday, ends=yesterday)
        elif change == "account":
            type(cast.analyst).objects.filter(pk=cast.analyst.pk).update(is_active=False)
        else:
            # A site's sender took the same name: nobody knows who calls.
            type(cast.site_b).objects.filter(pk=cast.site_b.pk).update(ae_title="VIEWER")
    with pytest.raises(PermissionDenied):
        admitted()


@pytest.mark.req("R-QR-07", "R-CONS-19")
def test_each_purpose_asks_its_own_consent_and_a_move_asks_that_of_both_ends(cast: Cast, filed: Submission) -> None:
    registered(cast)
    registered(cast, ae_title="BREAKER", purpose=Tool.Purpose.COMPUTE)
    registered(cast, ae_title="SPONSOR", purpose=Tool.Purpose.EXPORT)
    assert admitted("BREAKER").shelf().gates == (Gate.COMPUTE,)
    assert admitted("SPONSOR").shelf().gates == (Gate.EXPORT,)
    mover = admitted()
    assert mover.shelf(mover.destination("SPONSOR")).gates == (Gate.READ, Gate.EXPORT)
    assert uids(admitted("BREAKER").shelf(), filed)
    withdraw(cast.alba, cast.subject_a, Level.W3)
    # W3 closes computing; what the sponsor gets goes on, marked.
    with pytest.raises(PermissionDenied):
        uids(admitted("BREAKER").shelf(), filed)
    shelf, study = admitted("SPONSOR").shelf(), Instance.objects.filter(submission=filed)[0].series.study.uid
    with acting(shelf.by):
        held = shelf.objects(Resource(kind=Kind.OBJECTS, study=study))
        admitted("SPONSOR").tell_taken(held, service="C-GET", destination=None)
    mark = f"consent withdrawn at level W3 on {TODAY}"
    assert {dcmread(io.BytesIO(one.read())).PatientComments for one in held} == {mark}
    assert mark in Disclosure.objects.get().what
    withdraw(cast.alba, cast.subject_a, Level.W6)
    for name in ("VIEWER", "SPONSOR"):
        with pytest.raises(PermissionDenied):
            uids(admitted(name).shelf(), filed)


@pytest.mark.req("R-QR-11")
def test_the_coordinator_registers_and_revokes_on_a_page(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.coordinator)
    address = f"/trials/{cast.trial.code}/tools/"
    fields = {
        "label": "viewer of room 4",
        "ae_title": "ROOM4",
        "holder": cast.analyst.pk,
        "purpose": "read",
        "networks": "192.0.2.0/24",
        "ends_on": TODAY.isoformat(),
        "reason": "for quality control",
    }
    refused = client.post(address, fields | {"networks": ""})
    assert refused.status_code == 400
    assert "at least one network" in refused.text
    assert client.post(address, fields).status_code == 302
    page = client.get(address).text
    assert "viewer of room 4" in page
    assert "in force" in page
    tool = Tool.objects.get()
    assert client.post(f"{address}{tool.pk}/revoke/", {"reason": "lost"}).status_code == 302
    assert "revoked" in client.get(address).text
    again = client.post(f"{address}{tool.pk}/revoke/", {"reason": "lost"})
    assert "revoked already" in again.text
