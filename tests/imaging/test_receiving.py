"""How bodies are received before any view: encrypted where they may be long, refused where there is no room."""

from typing import Any

import pytest
from django.conf import settings
from django.core.handlers.wsgi import LimitedStream
from hypothesis import given
from hypothesis import strategies as st
from waitress.adjustments import Adjustments

from config.receiving import Parser, Spool, cap_of
from trials.services import tokens

PLAIN = b"ZWEISTEIN^ALBA" * 5000


def head(secret: str, *, path: str = "/dicomweb/studies", more: str = "Content-Length: 100") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {secret}\r\n{more}\r\n\r\n".encode()


@pytest.fixture
def secret() -> str:
    return tokens._new_secret()


@pytest.mark.req("R-WEB-01")
@given(pieces=st.lists(st.binary(max_size=200), max_size=8), step=st.integers(1, 64))
def test_a_spool_gives_back_what_it_took(pieces: list[bytes], step: int) -> None:
    spool = Spool()
    for piece in pieces:
        spool.append(piece)
    file, got = spool.getfile(), b""
    while chunk := file.read(step):
        got += chunk
    assert (got, len(spool)) == (b"".join(pieces), len(got))
    spool.close()


@pytest.mark.req("R-WEB-01")
def test_nothing_of_a_spool_is_clear_or_has_a_name() -> None:
    before = set(settings.QUARANTINE_ROOT.iterdir())
    spool = Spool()
    spool.append(PLAIN)
    spool._file.seek(0)
    lying = spool._file.read()
    assert len(lying) == len(PLAIN)
    assert b"ZWEISTEIN" not in lying
    assert set(settings.QUARANTINE_ROOT.iterdir()) == before
    spool.close()


@pytest.mark.req("R-WEB-01")
@pytest.mark.parametrize("more", ["Content-Length: 30", "Transfer-Encoding: chunked"])
def test_only_a_token_of_ours_opens_a_spool(secret: str, more: str) -> None:
    for shown, path, is_spooled in (
        (secret, "/dicomweb/studies", True),
        (secret[:-1] + ("A" if secret[-1] != "A" else "B"), "/dicomweb/studies", False),
        (secret, "/api/deliveries/", False),
    ):
        parser = Parser(Adjustments())
        parser.received(head(shown, path=path, more=more))
        assert (parser.spool is not None) == is_spooled
        assert cap_of(path, f"Bearer {shown}") == (settings.STOW_CAP if is_spooled else settings.REQUEST_CAP)
        parser.close()


@pytest.mark.req("R-WEB-01")
def test_a_chunked_body_reaches_its_reader_whole(secret: str) -> None:
    parser = Parser(Adjustments())
    parser.received(head(secret, more="Transfer-Encoding: chunked"))
    for piece in (b"5\r\nhello\r\n", b"6\r\n world\r\n", b"0\r\n\r\n"):
        parser.received(piece)
    assert parser.completed
    # As Django reads it.
    assert LimitedStream(parser.get_body_stream(), 11).read() == b"hello world"
    parser.close()


@pytest.mark.req("R-WEB-02")
def test_a_disk_that_fills_up_on_the_way_is_answered(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_data: bytes) -> int:
        raise OSError(28, "No space left on device")

    parser = Parser(Adjustments())
    parser.received(head(secret))
    file: Any = parser.spool
    monkeypatch.setattr(file, "_file", type("Full", (), {"write": staticmethod(full), "close": lambda _self: None})())
    parser.received(b"x" * 50)
    assert (parser.completed, parser.error.code) == (True, 507)


@pytest.mark.req("R-WEB-02")
def test_a_body_longer_than_may_be_is_refused_unread(secret: str) -> None:
    parser = Parser(Adjustments())
    parser.received(head(secret, more=f"Content-Length: {settings.STOW_CAP + 1}"))
    assert (parser.completed, parser.error.code) == (True, 413)
