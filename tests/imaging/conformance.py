"""The conformance page, from the tables that the program runs by.

Written anew by: manage.py shell -c "from tests.imaging import conformance; conformance.write()"
"""

from pathlib import Path

from imaging.dicomweb import media, questions
from imaging.services.stow import LARGEST_PART, Reason

PAGE = Path(__file__).parents[2] / "docs" / "validation" / "dicomweb-conformance.md"
_GIGABYTE = 1024**3
_HEAD = """# DICOMweb conformance

Written by `tests/imaging/conformance.py` from the tables the program runs by; a test compares. Foreign peers that the
tests run against the product: dicomweb-client (PyPI) and Orthanc with its DICOMweb plug-in (Debian 12).

| service | address | who |
|---|---|---|
| STOW-RS | `POST /dicomweb/studies`, `POST /dicomweb/studies/{study}` | machines with a token of their site |
| what is expected of a time point | `GET /dicomweb/expected?subject=…&timepoint=…` | machines with a token of their site |
| status of a delivery | `GET /dicomweb/deliveries/{delivery}` | the token that sent it |
| QIDO-RS, WADO-RS | `/trials/{trial}/dicomweb/…` | signed-in roles that see scans, by site and consent |
| QIDO-RS, WADO-RS | `/reads/{assignment}/dicomweb/…` | the blinded reader of the case, under the read code |
"""
_STORE = """
## STOW-RS

Body: `multipart/related; type="application/dicom"`, fixed length or chunked, up to 4 GiB and 10,000 objects, one object
up to {largest} GiB. Answer: `application/dicom+json`; 202 where anything was taken, with a `Link` of relation `status` for
each delivery; 400 malformed, 401 no token in force, 403 site closed, 409 nothing could be taken, 413 too large, 415 other
media types, 507 no room. Parameters `subject`, `timepoint` (or the headers `Corelab-Subject`, `Corelab-Time-Point`) name
whose scan it is; without them each study waits for a person. `complete=1` ends the delivery with this request; else it ends
after 90 s of quiet. An object that was sent before, byte for byte, is harmless. XML metadata and bulk data apart from the
object are not taken. `Corelab-Person` (two keyed tokens and a dot, with subject and time point alone) is for our gateway: it
tells whose scan it cleaned, by the key that `expected` gives it where `equip=1` asks for that.

| failure reason | means |
|---|---|
{reasons}
"""
_REASONS = {
    Reason.NOT_AUTHORISED: "consent, an accepted scan or a closed trial forbids it",
    Reason.OUT_OF_RESOURCES: "no room, a full share, or too large",
    Reason.OTHER_STUDY: "of another study than the address names",
    Reason.CANNOT_UNDERSTAND: "empty, not DICOM, torn, without all of its pixels, or without its UIDs",
}
_SEARCH = """## QIDO-RS

Levels: studies, series, instances, also below one study or series. Answers in `application/dicom+json`. `limit` (default
{limit}, at most {most}) and `offset`; a `Warning: 299` says that there is more. `includefield` by keyword, tag or `all`;
`fuzzymatching` is not done. Wildcards `*` and `?` in texts, lists of UIDs by comma or backslash, ranges of dates. Any other
parameter is refused with 400. Dates are those of the archived objects, moved by each subject's shift; blinded cases tell
none.

| attribute | tag | level | matched | told |
|---|---|---|---|---|
{attributes}
"""
_RETRIEVE = """## WADO-RS

| resource | representations |
|---|---|
| study, series, instance | `multipart/related; type="application/dicom"`; one instance also `application/dicom` |
| metadata of each | `application/dicom+json`, bulky values by `BulkDataURI` |
| frames `…/frames/1,2` | `application/octet-stream`, or the media type in which they are stored |
| `…/rendered`, `…/frames/{n}/rendered` | `image/png`, `image/jpeg`; `window=centre,width,linear` |
| `…/bulkdata/{tag}` | `application/octet-stream` |

`transfer-syntax=*` gives objects as they are stored; without the word, or for 1.2.840.10008.1.2.1, they are decoded to
Explicit VR Little Endian. What is not offered is 406, an image that cannot be decoded 422, an erased one 410. Up to
{decoded} MiB are decoded for one object or request of frames, and 64 MiB or more only from a hundredth of that; a
single frame of more than 128 MiB may need more memory than there is for it, and is refused then. Objects and metadata
of a subject whose consent was limited (W3 to W5) bear level and day in Patient Comments (0010,4000).

| stored transfer syntax | media type of its frames |
|---|---|
"""


def page() -> str:
    """Return the page as it must stand."""
    reasons = "\n".join(f"| {reason:04X} | {words} |" for reason, words in _REASONS.items())
    rows = "\n".join(
        f"| {name} | {one.tag[:4]},{one.tag[4:]} | {one.level} | {'yes' if one.is_matched else '–'} |"
        f" {'on asking' if one.is_extra else 'always'} |"
        for name, one in questions.ATTRIBUTES.items()
    )
    syntaxes = "".join(f"| {uid} | {name} |\n" for uid, name in media.OF_SYNTAX.items())
    store = _STORE.format(largest=LARGEST_PART // _GIGABYTE, reasons=reasons)
    search = _SEARCH.format(limit=questions.DEFAULT_LIMIT, most=questions.MOST, attributes=rows)
    retrieve = _RETRIEVE.replace("{decoded}", str(media.MOST_DECODED // 1024**2))
    return f"{_HEAD}{store}\n{search}\n{retrieve}{syntaxes}"


def write() -> None:
    PAGE.write_text(page(), encoding="utf-8")
