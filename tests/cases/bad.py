"""Bad objects: damaged, lying or hostile, several of each kind that issue 6 names; UIDs differ from case to case."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom import Dataset
from pydicom import uid as uids
from pydicom.encaps import encapsulate
from pydicom.uid import UID, generate_uid

from tests.cases import coding, good
from tests.flows.corpus import lenient

# A case that must not be taken, and one of which only a definite answer is asked.
NEVER, ANY = "never", "any"
# Odd, and yet the pixels are what they are.
_BEARABLE = (
    ("HighBit", 40), ("NumberOfFrames", "0"), ("PixelSpacing", ["-1", "0"]), ("PixelSpacing", ["nan", "inf"]),
    ("RescaleSlope", "0"), ("ImageOrientationPatient", ["1"] * 6),
)  # fmt: skip
_PIXELS = b"\xe0\x7f\x10\x00"
_UNDEFINED = b"\xff\xff\xff\xff"
_SEQUENCE = b"\x08\0\x40\x11SQ\0\0" + _UNDEFINED
_ITEM = b"\xfe\xff\0\xe0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """One case: `must` is NEVER where it may be filed in no form."""

    kind: str
    name: str
    data: bytes
    must: str = ANY


def objects() -> Iterator[Bad]:
    """Yield all; the same ones in every run."""
    with lenient():
        for make in (_torn, _headless, _lengths, _nests, _bombs, _faces, _foreign, _names, _types, _pictures, _labels,
                     _letters, _orders):  # fmt: skip
            yield from make()


def ct(seed: str) -> Dataset:
    return good.image("CT", seed=f"bad {seed}")


def parts(seed: str) -> tuple[bytes, bytes]:
    """File meta with its preamble, and the data set, of a CT."""
    whole = good.written(ct(seed))
    start = 144 + int.from_bytes(whole[140:144], "little")
    return whole[:start], whole[start:]


def _torn() -> Iterator[Bad]:
    whole = good.written(ct("torn"))
    pixels = good.SIDE * good.SIDE * 2
    cuts = {"one byte short": 1, "two bytes short": 2, "half of the pixels": pixels // 2, "no pixel at all": pixels}
    for name, missing in cuts.items():
        yield Bad(kind="torn", name=name, data=whole[:-missing], must=NEVER)
    for twentieth in range(1, 20):
        at = len(whole) * twentieth // 20
        yield Bad(kind="torn", name=f"cut after {twentieth}/20", data=whole[:at], must=NEVER)
    short = ct("short")
    short.PixelData = short.PixelData[: pixels // 2]
    yield Bad(kind="torn", name="half of the pixels, and it says so", data=good.written(short), must=NEVER)
    packed = coding.compressed(ct("torn rle"), uids.RLELossless)
    for missing in (1, 9, 200):
        yield Bad(kind="torn", name=f"RLE {missing} bytes short", data=packed[:-missing], must=NEVER)
    deflated = ct("torn deflate")
    deflated.file_meta.TransferSyntaxUID = uids.DeflatedExplicitVRLittleEndian
    yield Bad(kind="torn", name="deflated, cut", data=good.written(deflated)[:-40], must=NEVER)
    yield Bad(kind="torn", name="trailing garbage", data=whole + b"garbage behind the end" * 9, must=NEVER)
    yield Bad(kind="torn", name="trailing zeros", data=whole + bytes(6))


def _headless() -> Iterator[Bad]:
    head, body = parts("headless")
    yield Bad(kind="no meta", name="nothing before the data set", data=body)
    yield Bad(kind="no meta", name="no preamble", data=head[128:] + body, must=NEVER)
    yield Bad(kind="no meta", name="preamble alone", data=head[:132], must=NEVER)
    yield Bad(kind="no meta", name="meta alone", data=head, must=NEVER)
    for length in (0, 1, 7, 0xFFFFFFFF):
        lying = head[:140] + struct.pack("<L", length) + head[144:]
        yield Bad(kind="no meta", name=f"meta that says it is {length} bytes long", data=lying + body)
    yield Bad(kind="no meta", name="no magic", data=bytes(132) + head[132:] + body)


def _lengths() -> Iterator[Bad]:
    head, body = parts("lengths")
    at = body.index(_PIXELS)
    for length in (len(body), 1 << 24, 0x7FFFFFFF, 0xFFFFFFF0, 0xFFFFFFFE):
        told = body[: at + 8] + struct.pack("<L", length) + body[at + 12 :]
        yield Bad(kind="lengths", name=f"pixels of {length} bytes said", data=head + told, must=NEVER)
        text = b"\x08\0\x05\0UT\0\0" + struct.pack("<L", length)
        yield Bad(kind="lengths", name=f"a text of {length} bytes said", data=head + text + body, must=NEVER)
    endless = body[: at + 8] + _UNDEFINED + body[at + 12 :]
    yield Bad(kind="lengths", name="plain pixels without a length", data=head + endless, must=NEVER)
    yield Bad(kind="lengths", name="a sequence without an end", data=head + _SEQUENCE + body, must=NEVER)
    yield Bad(kind="lengths", name="an item without an end", data=head + _SEQUENCE + _ITEM + _UNDEFINED, must=NEVER)
    yield Bad(kind="lengths", name="a stray delimiter", data=head + _ITEM[:2] + b"\x0d\xe0\0\0\0\0" + body, must=NEVER)
    odd = b"\x08\0\x70\0LO\x05\0Acme " + body
    yield Bad(kind="lengths", name="an odd length", data=head + odd)


def _nests() -> Iterator[Bad]:
    head, body = parts("nests")
    start = body[: body.index(_PIXELS)]
    for depth in (60, 65, 300, 1_000, 3_000, 40_000):
        must = ANY if depth < 64 else NEVER
        inner = (_SEQUENCE + _ITEM + _UNDEFINED) * depth
        closed = (_ITEM[:2] + b"\x0d\xe0\0\0\0\0" + _ITEM[:2] + b"\xdd\xe0\0\0\0\0") * depth
        yield Bad(kind="nests", name=f"{depth} sequences, open", data=head + start + inner, must=NEVER)
        yield Bad(kind="nests", name=f"{depth} sequences, ended", data=head + inner + closed + body, must=must)
    for depth in (60, 1_000, 3_000):
        told = b""
        for _ in range(depth):
            told = (
                b"\x08\0\x40\x11SQ\0\0" + struct.pack("<L", len(told) + 8) + _ITEM + struct.pack("<L", len(told)) + told
            )
        yield Bad(kind="nests", name=f"{depth} sequences of told length", data=head + told + body,
                  must=ANY if depth < 64 else NEVER)  # fmt: skip
    yield Bad(kind="nests", name="300,000 items", data=head + _SEQUENCE + (_ITEM + bytes(4)) * 300_000, must=NEVER)
    yield Bad(kind="nests", name="300,000 elements", data=head + b"\x08\0\x08\0CS\0\0" * 300_000 + body, must=NEVER)


def _bombs() -> Iterator[Bad]:
    for size in (32 << 20, 256 << 20):
        dataset = ct(f"bomb {size}")
        dataset.file_meta.TransferSyntaxUID = uids.DeflatedExplicitVRLittleEndian
        whole = good.written(dataset)
        head = whole[: 144 + int.from_bytes(whole[140:144], "little")]
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packer.compress(b"\x08\0\x05\0UT\0\0" + struct.pack("<L", size))
        packed += b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()
        yield Bad(kind="bombs", name=f"deflate of {size >> 20} MiB", data=head + packed, must=NEVER)
    for syntax in (uids.JPEG2000Lossless, uids.JPEGLSLossless, uids.JPEGBaseline8Bit, uids.RLELossless):
        image = good.image("CT", seed=f"bomb {syntax}", bits=coding.BITS.get(syntax, 16))
        huge = bytearray(coding.compressed(image, syntax))
        for tag in (b"\x28\0\x10\0US\x02\0", b"\x28\0\x11\0US\x02\0"):
            at = huge.index(tag) + 8
            huge[at : at + 2] = struct.pack("<H", 65_535)
        yield Bad(kind="bombs", name=f"{syntax.name} that claims 65,535 by 65,535", data=bytes(huge), must=NEVER)


def _faces() -> Iterator[Bad]:
    faces = {
        "MZ": b"MZ\x90\0", "ELF": b"\x7fELF\x02", "TIFF": b"II*\0", "PDF": b"%PDF-1.7\n", "HTML": b"<html><script>x</script>",
        "ZIP": b"PK\x03\x04", "shell": b"#!/bin/sh\nrm -rf /\n", "gzip": b"\x1f\x8b\x08\0",
    }  # fmt: skip
    for name, begin in faces.items():
        whole = good.written(ct(f"face {name}"))
        yield Bad(kind="preambles", name=name, data=begin.ljust(128, b"\0") + whole[128:])


def _foreign() -> Iterator[Bad]:
    others = {
        "empty": b"", "one byte": b"\0", "text": b"This is no image.\n" * 40, "PDF": b"%PDF-1.4 scan" * 50,
        "PNG": b"\x89PNG\r\n\x1a\n" + bytes(600), "JPEG": b"\xff\xd8\xff\xe0" + bytes(600), "zeros": bytes(4096),
        "ones": b"\xff" * 4096, "HTML": b"<!doctype html><script>alert(1)</script>" * 20,
        "XML with entities": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>' * 5,
        "JSON": b'{"00080018":{"vr":"UI","Value":["1.2"]}}' * 20, "ELF": b"\x7fELF" + bytes(900), "DICM alone": b"DICM" * 99,
    }  # fmt: skip
    for name, data in others.items():
        yield Bad(kind="no DICOM", name=name, data=data, must=NEVER)
    billion = (
        b"<!DOCTYPE l ["
        + b"".join(b'<!ENTITY a%d "&a%d;&a%d;">' % (n + 1, n, n) for n in range(40))
        + b"]><l>&a40;</l>"
    )
    for name, content in {"entities": billion, "a file of ours": others["XML with entities"]}.items():
        dataset = good.document()
        good.dress(dataset, f"cda {name}")
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = uids.EncapsulatedCDAStorage
        dataset.MIMETypeOfEncapsulatedDocument, dataset.EncapsulatedDocument = "text/XML", content
        yield Bad(kind="no DICOM", name=f"CDA with {name}", data=good.written(dataset), must=NEVER)


def _names() -> Iterator[Bad]:
    values = {
        "path": "../../../../etc/passwd", "absolute": "/var/rel_pwned", "backslashes": "..\\..\\windows", "empty": "",
        "letters": "1.2.abc", "65 signs": "1." + "2" * 63, "one sign": "1", "long": "1.2" * 400, "break": "1.2.3\n4",
        "NUL": "1.2\0/etc", "percent": "1.2%2e%2e%2f", "leading zeros": "1.02.003", "dots": "....",
    }  # fmt: skip
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        for name, value in values.items():
            dataset = ct(f"uid {keyword} {name}")
            dataset.add_new(keyword, "UI", value)
            must = NEVER if name == "empty" else ANY
            yield Bad(kind="UIDs", name=f"{keyword}: {name}", data=good.written(dataset), must=must)
        dataset = ct(f"uid {keyword} gone")
        delattr(dataset, keyword)
        yield Bad(kind="UIDs", name=f"{keyword} missing", data=good.written(dataset), must=NEVER)
    other = ct("uid other")
    other.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["another"])
    yield Bad(kind="UIDs", name="another in the meta", data=good.written(other))


def _types() -> Iterator[Bad]:
    for keyword, vr, value in (
        ("Rows", "LO", "many"), ("StudyInstanceUID", "SQ", []), ("PatientName", "US", 7), ("PixelSpacing", "OB", b"0.5\\0.5 "),
        ("StudyDate", "UL", 20251103), ("Modality", "OB", b"CT"), ("SOPClassUID", "LO", "CT Image"), ("ImageType", "FD", 1.5),
        ("PatientID", "SQ", []), ("BitsAllocated", "LO", "sixteen"),
    ):  # fmt: skip
        dataset = ct(f"type {keyword}")
        del dataset[keyword]
        dataset.add_new(keyword, vr, value)
        yield Bad(kind="types", name=f"{keyword} as {vr}", data=good.written(dataset))
    head, body = parts("type unknown")
    for nonsense in (b"zz", b"\0\0", b"XX", b"  ", b"??"):
        yield Bad(
            kind="types",
            name=f"a type {nonsense!r}",
            data=head + b"\x08\0\x05\0" + nonsense + b"\x02\0ab" + body,
            must=NEVER,
        )


def _pictures() -> Iterator[Bad]:
    for keyword, value in (
        ("Rows", 0), ("Columns", 0), ("Rows", 65_535), ("Columns", 33), ("BitsAllocated", 0), ("BitsAllocated", 7),
        ("BitsAllocated", 65_535), ("BitsStored", 99), ("SamplesPerPixel", 0), ("SamplesPerPixel", 4), ("HighBit", 40),
        ("NumberOfFrames", "0"), ("NumberOfFrames", "-1"), ("NumberOfFrames", "999999999"), ("NumberOfFrames", "many"),
        ("NumberOfFrames", "2"), ("PhotometricInterpretation", "NONSENSE"), ("PixelSpacing", ["-1", "0"]),
        ("PixelSpacing", ["nan", "inf"]), ("RescaleSlope", "0"), ("ImageOrientationPatient", ["1"] * 6),
    ):  # fmt: skip
        dataset = ct(f"picture {keyword} {value}")
        if value == "many":
            dataset.add_new(keyword, "LO", value)
        else:
            setattr(dataset, keyword, value)
        must = ANY if (keyword, value) in _BEARABLE else NEVER
        yield Bad(kind="pictures", name=f"{keyword} {value}", data=good.written(dataset), must=must)
    for name, stream in {
        "nothing": b"",
        "noise": bytes(range(256)) * 9,
        "a cut codestream": b"\xff\xd8\xff\xc0\0\x0b\x08",
    }.items():
        for syntax in (uids.JPEGBaseline8Bit, uids.JPEG2000Lossless, uids.RLELossless):
            dataset = ct(f"stream {name} {syntax}")
            dataset.PixelData = encapsulate([stream]) if stream else _ITEM + bytes(4)
            dataset["PixelData"].is_undefined_length = True
            dataset.file_meta.TransferSyntaxUID = syntax
            yield Bad(kind="pictures", name=f"{syntax.name} of {name}", data=good.written(dataset), must=NEVER)


def _labels() -> Iterator[Bad]:
    plain = (uids.ImplicitVRLittleEndian, uids.ExplicitVRLittleEndian, uids.ExplicitVRBigEndian)
    for told in (*plain, uids.DeflatedExplicitVRLittleEndian, uids.JPEGBaseline8Bit, uids.RLELossless):
        for given in plain:
            if told == given:
                continue
            dataset = ct(f"label {told} {given}")
            dataset.file_meta.TransferSyntaxUID = given
            whole = good.written(dataset)
            start = 144 + int.from_bytes(whole[140:144], "little")
            dataset.file_meta.TransferSyntaxUID = told
            head = parts_head(dataset)
            yield Bad(kind="labels", name=f"{given.name} said to be {told.name}", data=head + whole[start:])
    for syntax in ("1.2.3.4", "", "not a uid", "1.2.840.10008.1.2.4.999"):
        dataset = ct(f"label {syntax}")
        body = parts(f"label {syntax}")[1]
        dataset.file_meta.TransferSyntaxUID = UID(syntax)
        yield Bad(kind="labels", name=f"transfer syntax {syntax!r}", data=parts_head(dataset) + body)


def parts_head(dataset: Dataset) -> bytes:
    """Preamble and file meta, whatever transfer syntax they name."""
    told, dataset.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID, uids.ExplicitVRLittleEndian
    whole = good.written(dataset)
    head = whole[: 144 + int.from_bytes(whole[140:144], "little")]
    value = str(told).encode() + b"\0" * (len(told) % 2)
    old = b"\x02\0\x10\0UI" + struct.pack("<H", 20) + b"1.2.840.10008.1.2.1\0"
    assert old in head
    head = head.replace(old, b"\x02\0\x10\0UI" + struct.pack("<H", len(value)) + value)
    return head[:140] + struct.pack("<L", len(head) - 144) + head[144:]


def _letters() -> Iterator[Bad]:
    raws = {
        "no UTF-8": ("ISO_IR 192", b"\xff\xfe\xfa^\x80\x81 "), "an unknown set": ("ISO_IR 999", b"Zwei^Alba "),
        "a set that is a path": ("../../etc", b"Zwei^Alba "), "a mess of escapes": ("ISO 2022 IR 87", b"\x1b$B\x1b(J\x1b$\x1b\x1b)^\x1b"),
        "no set, high bytes": ("", b"\xd6sterreich^\xc4"), "an endless set": ("\\".join(["ISO 2022 IR 100"] * 500), b"Zwei^Alba "),
        "bidi": ("ISO_IR 192", "\u202eabla^\u202ciewz".encode()), "NUL": ("ISO_IR 100", b"Zwei\0^Al\0ba"),
        "a formula": ("ISO_IR 100", b'=HYPERLINK("http://x")'), "a script": ("ISO_IR 100", b"<script>alert(1)</script> "),
    }  # fmt: skip
    for name, (charset, value) in raws.items():
        head, body = parts(f"letters {name}")
        told = charset.encode() + b" " * (len(charset) % 2)
        at, end = body.index(b"\x10\0\x10\0PN"), body.index(b"\x10\0\x20\0LO")
        body = body[:at] + b"\x10\0\x10\0PN" + struct.pack("<H", len(value)) + value + body[end:]
        yield Bad(kind="letters", name=name, data=head + b"\x08\0\x05\0CS" + struct.pack("<H", len(told)) + told + body)


def _orders() -> Iterator[Bad]:
    head, body = parts("orders")
    at = body.index(b"\x10\0\x20\0LO")
    twice = body[at : at + 8 + body[at + 6]]
    group_length = b"\x08\0\0\0UL\x04\0\x99\0\0\0"
    private = b"\x09\0\x01\x10LO\x06\0Secret"
    yield Bad(kind="orders", name="a tag twice", data=head + body[:at] + twice + body[at:])
    yield Bad(kind="orders", name="a tag out of order", data=head + body + twice)
    yield Bad(kind="orders", name="group 0 in the data set", data=head + b"\0\0\0\x01US\x02\0\x01\0" + body)
    yield Bad(kind="orders", name="group 2 again", data=head + head[132:] + body)
    yield Bad(kind="orders", name="a wrong group length", data=head + group_length + body)
    yield Bad(kind="orders", name="a retired element", data=head + b"\x08\0\x01\0UL\x04\0\0\0\0\0" + body)
    orphan = body.replace(b"\x10\0\x10\0PN", private + b"\x10\0\x10\0PN", 1)
    yield Bad(kind="orders", name="private without a creator", data=head + orphan)
    yield Bad(kind="orders", name="pixels twice", data=head + body + body[body.index(_PIXELS) :])
    yield Bad(kind="orders", name="two objects in one file", data=head + body + head + body, must=NEVER)
