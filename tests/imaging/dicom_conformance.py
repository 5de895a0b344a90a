"""The conformance page of the DICOM node, from the tables that the program runs by.

Written anew by: manage.py shell -c "from tests.imaging import dicom_conformance; dicom_conformance.write()"
"""

from collections.abc import Iterable
from pathlib import Path

from pydicom.uid import UID

from imaging import dicom_node
from imaging.dicom_node import asking, commitment, handing, identifiers, limits, line, reception, retrieving, tls
from imaging.dicom_node.identifiers import Level
from imaging.dicomweb.questions import ATTRIBUTES
from imaging.services import committing
from imaging.services.committing import Reason

PAGE = Path(__file__).parents[2] / "docs" / "validation" / "dicom-conformance.md"
_TITLE = """# DICOM conformance of the node

Written by `tests/imaging/dicom_conformance.py` from the tables the program runs by; a test compares. DICOMweb has a page
of its own (`dicomweb-conformance.md`). Foreign peers that the tests run against the product: dcmtk (storescu, echoscu,
findscu, getscu, movescu, storescp), pynetdicom and Orthanc (Debian 12).

## Associations

| | |
|---|---|
| callers | AE title of an open site or a registered tool, from its networks, by its certificate; the called title must fit |
| largest PDU agreed, and read | {pdu} and {longest} bytes |
| associations of one sender, callers who said nothing yet | {associations}, {waiting} |
| time for a PDU, and for a first word | {seconds} s |
| TLS, where the node has a certificate | 1.2 and later, client certificates asked for, suites `{suites}` |

## Services

| service | classes | who |
|---|---|---|
| C-ECHO | {echo} | senders and tools |
| C-STORE as SCP | {storage} storage classes below | senders of open sites |
| C-FIND as SCP | {find} | tools |
| C-GET as SCP, C-STORE as SCU on the same association | {get} | tools |
| C-MOVE as SCP, C-STORE as SCU to registered tools | {move} | tools |
| N-ACTION as SCP, N-EVENT-REPORT as SCU | {commitment} | senders of open sites |

"""
_STORE = """## C-STORE

Success is told once the bytes are durable and recorded. Lengths are followed while an object comes, and nothing of one that
is refused is kept. Error Comment says why.

| status | means |
|---|---|
{statuses}

"""
_FIND = """## C-FIND, C-GET, C-MOVE

Unique keys above the level name one each; the key of the level may be a list of UIDs, texts may hold `*` and `?`, dates may
be ranges. What would be matched and is not in the table gets A900, an unknown key that is only asked for gets FF01. C-GET
and C-MOVE take unique keys alone. Objects go out as they are stored where the peer takes that, else decoded.
Those of a subject whose consent was limited (W3 to W5) say so, with level and day, in Patient Comments (0010,4000).

| attribute | tag | from level | matched |
|---|---|---|---|
{attributes}

| status | of | means |
|---|---|---|
{statuses}
"""
_STORED = {
    reception.SUCCESS: "taken",
    reception.OUT_OF_RESOURCES: "no room, a full share, or not now; it may be sent again",
    reception.CANNOT_UNDERSTAND: "torn, without all of its pixels, or without the UID of its class, itself or study",
}
_LEVELS = {"studies": Level.STUDY, "series": Level.SERIES, "instances": Level.IMAGE}
_STATUSES = {
    asking.NOT_AUTHORISED: ("all", "no registered tool, its right has ended, or no consent for what it does"),
    asking.BAD_IDENTIFIER: ("all", "the identifier cannot be answered as it was asked; Error Comment says why"),
    asking.MORE_THAN_TOLD: ("C-FIND", f"more than {asking.MOST_MATCHES} match; that many were told"),
    asking.CANCELLED: ("all", "cancelled"),
    handing.SOME_FAILED: ("C-GET, C-MOVE", "some objects failed; their UIDs are listed"),
    retrieving.TOO_MANY: ("C-GET, C-MOVE", f"more than {retrieving.MOST_OBJECTS} objects; none was sent"),
    handing.ALL_FAILED: ("C-GET, C-MOVE", "no object could be sent, or the line ended"),
    retrieving.NO_SUCH_DESTINATION: ("C-MOVE", "no registered tool of the trial, or nobody listens there"),
    retrieving.CANNOT_PROCESS: ("C-GET, C-MOVE", "a fault of ours"),
}
_COMMIT = """## Storage commitment

Push model. Success is reported of objects whose bytes were read back whole. The report goes over the association that asked
while it stands, else over one of our own to the address that the sender's door names, with the SCP role proposed; it is
tried {times} times within {within:.0f} s. At most {most} objects a request, {waiting} requests at a time.

| status of N-ACTION | means |
|---|---|
{declined}

| failure reason | means |
|---|---|
{reasons}

"""
_DECLINED = {
    asking.NOT_AUTHORISED: "the caller is no sender of an open site",
    commitment.NO_SUCH_OBJECT: f"the instance is not {commitment.INSTANCE}",
    commitment.NO_SUCH_ACTION: "the action type is not 1",
    commitment.NO_SUCH_ARGUMENT: "no transaction UID or no objects",
    commitment.INVALID_ARGUMENT: "an object without class or UID",
    commitment.RESOURCE_LIMITATION: "too many objects or requests",
    commitment.PROCESSING_FAILURE: "it could not be read",
}
REASONS = {
    Reason.PROCESSING_FAILURE: "the bytes are damaged or could not be read",
    Reason.NO_SUCH_OBJECT: "it never came from this site, or was discarded or erased",
    Reason.CLASS_CONFLICT: "it is kept, but of another SOP class",
    Reason.RESOURCE_LIMITATION: f"not found among the {committing.MOST_OPENED} newest files that wait for this site",
}


def page() -> str:
    """Return the page as it must stand."""
    ae = dicom_node.make_ae()
    offered = {str(one.abstract_syntax): one.transfer_syntax for one in ae.supported_contexts}
    ours = {dicom_node.VERIFICATION, *identifiers.FIND, *identifiers.GET, *identifiers.MOVE, commitment.MODEL}
    storage = sorted(offered.keys() - ours)
    assert ours <= offered.keys()
    assert {tuple(offered[uid]) for uid in storage} == {tuple(offered[storage[0]])}, "all take the same syntaxes"
    return (
        _head(len(storage))
        + _STORE.format(statuses="\n".join(f"| {code:04X} | {words} |" for code, words in _STORED.items()))
        + _find()
        + "\n"
        + _commit()
        + _list("Storage classes", storage)
        + "\n"
        + _list("Transfer syntaxes of storage", map(str, offered[storage[0]]))
        + "\n"
        + _list("Transfer syntaxes of all else", map(str, offered[commitment.MODEL]))
    )


def _head(count: int) -> str:
    return _TITLE.format(
        pdu=dicom_node.MAXIMUM_PDU,
        longest=line.LONGEST_PDU,
        associations=limits.ASSOCIATIONS_OF_ONE_SENDER,
        waiting=limits.WAITING_CALLERS,
        seconds=line.PDU_SECONDS,
        suites=tls.SUITES,
        storage=count,
        echo=_names([dicom_node.VERIFICATION]),
        find=_names(identifiers.FIND),
        get=_names(identifiers.GET),
        move=_names(identifiers.MOVE),
        commitment=_names([commitment.MODEL]),
    )


def _names(uids: Iterable[str]) -> str:
    return ", ".join(UID(uid).name for uid in uids)


def _find() -> str:
    rows = "\n".join(
        f"| {name} | {one.tag[:4]},{one.tag[4:]} | {_LEVELS[one.level]} | {'yes' if one.is_matched else '–'} |"
        for name, one in ATTRIBUTES.items()
    )
    count = identifiers.OF_PATIENT[-1]
    patient = f"| {count} | 0020,1200 | PATIENT | – |\n"
    statuses = "\n".join(f"| {code:04X} | {of} | {words} |" for code, (of, words) in _STATUSES.items())
    return _FIND.format(attributes=patient + rows, statuses=statuses)


def _commit() -> str:
    return _COMMIT.format(
        times=len(commitment.CALLED_AGAIN),
        within=sum(commitment.CALLED_AGAIN),
        most=committing.MOST_ASKED,
        waiting=commitment.MOST_WAITING,
        declined="\n".join(f"| {code:04X} | {words} |" for code, words in _DECLINED.items()),
        reasons="\n".join(f"| {reason:04X} | {words} |" for reason, words in REASONS.items()),
    )


def _list(title: str, uids: Iterable[str]) -> str:
    rows = "".join(f"| {uid} | {UID(uid).name} |\n" for uid in uids)
    return f"## {title}\n\n| UID | name |\n|---|---|\n{rows}"


def write() -> None:
    PAGE.write_text(page(), encoding="utf-8")
