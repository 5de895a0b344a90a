"""Bodies of many parts, read as a stream: well formed ones whole, all others refused with a sentence."""

import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicomweb.multipart import Malformed, Parts, compose, media_type, require_boundary

HEAD = {"Content-Type": "application/dicom"}


def told(body: bytes, *, boundary: bytes = b"b", step: int = 65_536) -> list[tuple[dict[str, str], bytes]]:
    source = io.BytesIO(body)
    parts = Parts(lambda size: source.read(min(size, step)), boundary=boundary)
    return [(dict(part.head), b"".join(part.body)) for part in parts]


@pytest.mark.req("R-WEB-02")
@given(
    objects=st.lists(st.binary(max_size=300), max_size=5).filter(
        lambda all_: not any(b"--frontier" in x for x in all_)
    ),
    step=st.integers(1, 40),
)
def test_whatever_was_composed_is_read_however_it_is_cut_on_its_way(objects: list[bytes], step: int) -> None:
    body = b"".join(compose(((HEAD, data) for data in objects), boundary="frontier"))
    assert [data for _head, data in told(body, boundary=b"frontier", step=step)] == objects


@pytest.mark.req("R-WEB-02")
@given(body=st.binary(max_size=400), start=st.sampled_from([b"", b"--b\r\n", b"--b\r\nContent-Type: x\r\n\r\n"]))
def test_any_bytes_end_in_parts_or_in_a_sentence(body: bytes, start: bytes) -> None:
    with suppress(Malformed):
        assert all(isinstance(data, bytes) for _head, data in told(start + body))


@pytest.mark.req("R-WEB-02")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "cut off"),
        (b"no boundary at all", "cut off"),
        (b"x" * 40_000, "does not begin"),
        (b"--b\r\nA: 1\r\n\r\ndata", "cut off"),
        (b"--bXX\r\n\r\ndata\r\n--b--", "neither its end nor a part"),
        (b"--b\r\nno colon here\r\n\r\ndata\r\n--b--", "header fields"),
        (b"--b\r\n" + b"A: 1\r\n" * 5000 + b"\r\ndata\r\n--b--", "longer than they may be"),
        (b"--b\r\n" + b"--b\r\n" * 20_000 + b"--b--", "header fields"),
        (b"--b" + b" " * 4000 + b"\r\n\r\ndata\r\n--b--", "neither its end nor a part"),
    ],
)
def test_a_body_that_is_not_well_formed_gets_a_sentence(body: bytes, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        told(body)


@pytest.mark.req("R-WEB-02")
def test_a_part_may_lack_header_fields_and_a_body_its_preamble() -> None:
    assert told(b"--b\r\n\r\ndata\r\n--b--") == [({}, b"data")]
    assert told(b"words before\r\n--b \r\nA: 1\r\n\r\n\r\n--b--\r\nwords after") == [({"a": "1"}, b"")]


@pytest.mark.req("R-WEB-02")
@pytest.mark.parametrize(
    "kind", ["multipart/related", 'multipart/related; boundary=""', f"multipart/related; boundary={'x' * 201}"]
)
def test_a_boundary_that_is_none_is_refused(kind: str) -> None:
    with pytest.raises(Malformed, match="boundary"):
        require_boundary(media_type(kind))


@pytest.mark.req("R-WEB-02")
def test_a_boundary_may_be_quoted() -> None:
    kind = media_type('Multipart/Related; Type="application/dicom"; boundary="a b=c"')
    assert (kind.name, kind.parameters["type"], require_boundary(kind)) == (
        "multipart/related",
        "application/dicom",
        b"a b=c",
    )
