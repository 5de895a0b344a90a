"""What the tests of archives ask of one: why it is refused, or what comes out of it."""

import io

import pytest

from imaging.unpacking import (
    ArchiveRefusal,
    ArchiveRefused,
    Limits,
    MemberRefusal,
    MemberRefused,
    members,
    plan,
)


def refusal_of(data: bytes, limits: Limits | None = None) -> ArchiveRefusal:
    with pytest.raises(ArchiveRefused) as refused:
        plan(io.BytesIO(data), limits)
    assert "Nothing was taken from it; please " in refused.value.reason
    return refused.value.code


def read_all(data: bytes, limits: Limits | None = None) -> tuple[list[bytes], list[MemberRefusal]]:
    judged = plan(io.BytesIO(data), limits)
    good: list[bytes] = []
    bad = [member.code for member in judged.refused]
    for member in members(judged):
        try:
            good.append(member.read())
        except MemberRefused as refused:
            bad.append(refused.member.code)
    return good, bad
