"""What the first bytes of a file tell; the name of a file tells nothing here (reliability S12)."""

from typing import Protocol

_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
_ARCHIVE_MAGICS = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"BZh", b"\xfd7zXZ\x00")
_TAR_MAGIC = slice(257, 262)
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00")
_PREAMBLE = 128


class SeekableReader(Protocol):
    """What an archive is read through: any binary file, sealed or plain."""

    def read(self, size: int = -1, /) -> bytes: ...

    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def tell(self) -> int: ...


def is_zip(reader: SeekableReader) -> bool:
    """Tell by the first bytes, never by the name; leaves the reader at its start."""
    reader.seek(0)
    head = reader.read(4)
    reader.seek(0)
    return head in _ZIP_MAGICS


def is_archive(head: bytes) -> bool:
    """Tell whether these first bytes open any kind of archive or packed stream."""
    return head.startswith(_ARCHIVE_MAGICS) or head[_TAR_MAGIC] == b"ustar"


def looks_like_dicom(head: bytes) -> bool:
    """Tell a DICOM file (PS3.10 7.1) or a bare data set by its first 132 bytes or more; a parser decides."""
    if head[_PREAMBLE : _PREAMBLE + 4] == b"DICM":
        return True
    if head[:2] not in _FIRST_GROUPS:
        return False
    is_explicit = head[4:6].isalpha() and head[4:6].isupper()
    return is_explicit or 0 < int.from_bytes(head[4:8], "little") <= _PREAMBLE
