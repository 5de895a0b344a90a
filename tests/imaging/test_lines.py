"""A site sees who called in its name and may have its own receiver called, at the registered address alone."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.utils import timezone
from pynetdicom import AE, evt

from imaging.dicom_node import echoing, hearsay
from imaging.dicom_node.calling import freed
from imaging.models import Call, Echo
from imaging.services import doors, lines
from imaging.services.doors import Binding, Caller
from tests.cast import Cast, actor_for
from tests.stack import free_port

pytestmark = pytest.mark.django_db
Result = Echo.Result
LOOPBACK = "127.0.0.1"


def listen_at(cast: Cast, port: int, *, certificate: str = "") -> None:
    binding = Binding(host=LOOPBACK, port=port, certificate=certificate)
    doors.bind(by=actor_for(cast.coordinator), trial_site=cast.site_a, binding=binding, reason="the PACS listens")


@contextmanager
def receiver(*, title: str = "ALBA_PACS", status: int = 0x0000) -> Iterator[int]:
    """A foreign receiver on the loopback; gives its port."""
    ae = AE(ae_title=title)
    ae.require_called_aet = True
    ae.add_supported_context(echoing.VERIFICATION)
    port = free_port()
    handlers: list[Any] = [(evt.EVT_C_ECHO, lambda _event: status)]
    server = ae.start_server((LOOPBACK, port), block=False, evt_handlers=handlers)
    try:
        yield port
    finally:
        assert server is not None
        server.shutdown()


def tried(cast: Cast) -> str:
    echo = lines.ask_echo(by=actor_for(cast.alba), trial_site=cast.site_a)
    assert echoing.serve() == 1
    echo.refresh_from_db()
    return echo.result


@pytest.mark.req("R-SITE-04")
def test_a_receiver_that_answers_is_said_to_answer(cast: Cast) -> None:
    with receiver() as port:
        listen_at(cast, port)
        assert tried(cast) == Result.ANSWERED


@pytest.mark.req("R-SITE-04")
def test_each_way_of_failing_has_words_of_its_own(cast: Cast) -> None:
    listen_at(cast, free_port())
    assert tried(cast) == Result.NO_LINE
    with receiver(title="OTHER") as port:
        again(cast)
        listen_at(cast, port)
        assert tried(cast) == Result.REJECTED
    with receiver(status=0x0122) as port:
        again(cast)
        listen_at(cast, port)
        assert tried(cast) == Result.NO_ECHO
    with socket.create_server((LOOPBACK, 0)) as mute:
        again(cast)
        listen_at(cast, mute.getsockname()[1], certificate="a" * 64)
        assert tried(cast) == Result.NO_DICOM
    assert {str(each.label) for each in Result} == {str(label) for _value, label in Result.choices}


def again(cast: Cast) -> None:
    """As if some time had passed since the last test."""
    Echo.objects.filter(trial_site=cast.site_a).update(asked_at=timezone.now() - lines.BETWEEN)


@pytest.mark.req("R-SITE-05")
def test_a_test_call_goes_to_the_registered_address_alone_and_not_twice_at_a_time(cast: Cast) -> None:
    with pytest.raises(ValidationError, match="No address is registered"):
        lines.ask_echo(by=actor_for(cast.alba), trial_site=cast.site_a)
    with receiver() as port:
        listen_at(cast, port)
        echo = lines.ask_echo(by=actor_for(cast.alba), trial_site=cast.site_a)
        with pytest.raises(ValidationError, match="just now"):
            lines.ask_echo(by=actor_for(cast.alba), trial_site=cast.site_a)
        listen_at(cast, free_port())
        assert echoing.serve() == 1
    echo.refresh_from_db()
    assert echo.result == Result.NOT_TRIED
    with pytest.raises(PermissionDenied):
        lines.ask_echo(by=actor_for(cast.monitor), trial_site=cast.site_a)


@pytest.mark.req("R-SITE-06")
def test_the_last_twenty_calls_of_a_site_are_kept_and_a_strangers_is_nobodys(cast: Cast) -> None:
    for count in range(25):
        lines.note(ae_title="ALBA_PACS", address="::ffff:192.0.2.7", result=Call.Result.STORED, stored=count)
    lines.note(ae_title="NOBODY", address="192.0.2.9", result=Call.Result.NOT_BOUND)
    calls = list(Call.objects.all())
    assert [call.stored for call in calls] == [*range(24, 4, -1)]
    assert {call.address for call in calls} == {"192.0.2.7"}
    client = Client()
    client.force_login(cast.alba)
    page = client.get(f"/trials/{cast.trial.code}/sites/{cast.site_a.pk}/dicom/").content.decode()
    assert page.count("192.0.2.7") == 20
    assert "images were taken" in page


@pytest.mark.req("R-SITE-06")
def test_a_site_learns_why_a_call_in_its_name_was_turned_away(cast: Cast) -> None:
    near, far = Caller(address="192.0.2.7"), Caller(address="198.51.100.1")
    binding = Binding(networks=["192.0.2.0/24"])
    doors.bind(by=actor_for(cast.coordinator), trial_site=cast.site_a, binding=binding, reason="one network")
    told = {"ae_title": "ALBA_PACS", "own": "CORELAB"}
    assert lines.why_refused(called="CORELAB", caller=far, **told) == Call.Result.NOT_BOUND
    assert lines.why_refused(called="CORELAP", caller=near, **told) == Call.Result.WRONG_NAME
    assert lines.why_refused(called="CORELAB", caller=near, **told) == Call.Result.TOO_MANY


@pytest.mark.req("R-SITE-06")
def test_who_is_turned_away_again_and_again_is_noted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearsay, "_noted", {})
    assert hearsay._is_news("ALBA_PACS", "192.0.2.7")
    assert not hearsay._is_news("ALBA_PACS", "192.0.2.7")
    assert hearsay._is_news("ALBA_PACS", "192.0.2.8")
    assert sum(hearsay._is_news(f"AE{number}", "192.0.2.7") for number in range(500)) == hearsay.MOST_KNOWN - 2


@pytest.mark.req("R-SITE-04")
def test_a_line_whose_own_thread_broke_is_let_go() -> None:
    def broken(*_told: object, **_named: object) -> NoReturn:
        raise SystemExit

    with receiver() as port:
        ae = AE(ae_title="CORELAB")
        ae.acse_timeout = 1
        ae.add_requested_context(echoing.VERIFICATION)
        line = freed(ae.associate(LOOPBACK, port, ae_title="ALBA_PACS"))
        line.dimse.get_msg = broken  # type: ignore[method-assign]  # its thread ends on it
        line.join(10)
        leaving = threading.Thread(target=line.release, daemon=True)
        leaving.start()
        leaving.join(30)
        assert not leaving.is_alive()
