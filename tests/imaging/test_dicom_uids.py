"""UIDs that are judged once are judged as the library would judge them each time."""

from typing import Any

import pytest
from pydicom.uid import UID, ImplicitVRLittleEndian, JPEG2000Lossless
from pynetdicom.presentation import PresentationContext
from pynetdicom.utils import set_uid

from imaging.dicom_node import uids

TOLD: list[Any] = [
    None, "", b"", str(JPEG2000Lossless), JPEG2000Lossless, b"1.2.840.10008.1.2", "1.2.3.4", b"1.2.3.4",
    "1.2.840.10008.1.1", "1.02.3", "no uid", "1." * 32 + "1", "1." * 40 + "1", b"\xff\xfe", 5,
]  # fmt: skip


def outcome(act: Any, *values: Any, **named: Any) -> Any:
    try:
        return act(*values, **named)
    except Exception as failure:  # noqa: BLE001  which one it is, is compared
        return type(failure), str(failure)


def syntaxes_after(add: Any, told: Any) -> Any:
    context = PresentationContext()
    context.transfer_syntax = [ImplicitVRLittleEndian]
    failure = outcome(add, context, told)
    return failure, context.transfer_syntax, [type(each) for each in context.transfer_syntax]


@pytest.mark.req("R-NODE-12")
@pytest.mark.parametrize("told", TOLD, ids=repr)
def test_a_transfer_syntax_is_added_as_the_library_adds_it(told: Any) -> None:
    expected = syntaxes_after(uids._judge_syntax, told)
    assert [syntaxes_after(uids.add_transfer_syntax, told) for _ in range(2)] == [expected] * 2


@pytest.mark.req("R-NODE-12")
@pytest.mark.parametrize("told", TOLD, ids=repr)
@pytest.mark.parametrize("rules", [(True, True, True), (False, False, True), (True, False, False)], ids=str)
def test_a_uid_is_judged_as_the_library_judges_it(told: Any, rules: tuple[bool, ...]) -> None:
    expected = outcome(set_uid, told, "name", *rules)
    for _ in range(2):
        found = outcome(uids.known_uid, told, "name", *rules)
        assert found == expected
        assert isinstance(found, UID) == isinstance(expected, UID)
