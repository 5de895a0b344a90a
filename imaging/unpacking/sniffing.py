"""What the first bytes of a file tell; the name of a file tells nothing here (reliability S12)."""

from typing import Protocol

_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP_MAGIC = b"\x1f\x8b"
_ARCHIVE_MAGICS = (b"PK\x03\x04", _GZIP_MAGIC, b"7z\xbc\xaf\x27\x1c", b"Rar!", b"BZh", b"\xfd7zXZ\x00")
_TAR_MAGIC = slice(257, 262)
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00")
_PREAMBLE = 128
# (0002,0002) with the SOP class of a DICOMDIR (PS3.3 F.3), as it stands in explicit little endian.
_DIRECTORY_CLASS = b"\x02\x00\x02\x00UI\x14\x001.2.840.10008.1.3.10"


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
    return head.startswith(_ARCHIVE_MAGICS) or is_tar(head)


def is_gzip(head: bytes) -> bool:
    return head.startswith(_GZIP_MAGIC)


def is_tar(head: bytes) -> bool:
    """Tell the header of a tar written since 1988; older ones have no mark of their own."""
    return head[_TAR_MAGIC] == b"ustar"


def looks_like_dicom(head: bytes) -> bool:
    """Tell a DICOM file (PS3.10 7.1) or a bare data set by its first 132 bytes or more; a parser decides."""
    if head[_PREAMBLE : _PREAMBLE + 4] == b"DICM":
        return True
    if head[:2] not in _FIRST_GROUPS:
        return False
    is_explicit = head[4:6].isalpha() and head[4:6].isupper()
    return is_explicit or 0 < int.from_bytes(head[4:8], "little") <= _PREAMBLE


def is_file_set_directory(head: bytes) -> bool:
    """Tell a DICOMDIR by its first 512 bytes, whatever its name: it is no image, and nobody follows it (S11)."""
    return head[_PREAMBLE : _PREAMBLE + 4] == b"DICM" and _DIRECTORY_CLASS in head[:512]
