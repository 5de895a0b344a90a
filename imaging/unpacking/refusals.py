"""Why an archive or one of its files is refused, said in the uploader's words; no file is named."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

_MEBIBYTE = 1024 * 1024


class ArchiveRefusal(StrEnum):
    """Why a whole archive is refused."""

    NOT_A_ZIP = "not-a-zip"
    DAMAGED = "damaged"
    ENCRYPTED = "encrypted"
    TOO_MANY = "too-many"
    TOO_LARGE = "too-large"
    RATIO = "ratio"
    ESCAPING_NAME = "escaping-name"
    LINK = "link"
    OVERLAP = "overlap"


class MemberRefusal(StrEnum):
    """Why one file of an otherwise good archive is refused."""

    EMPTY = "empty"
    NESTED = "nested"
    METHOD = "method"
    TOO_LARGE = "too-large"
    SIZE_DIFFERS = "size-differs"
    DAMAGED = "damaged"


_ARCHIVE_REASONS = {
    ArchiveRefusal.NOT_A_ZIP: "This is not a ZIP, and other archives (tar, gz, 7z, rar) are not opened here.|"
    "send it as ZIP or as a folder",
    ArchiveRefusal.DAMAGED: "The ZIP is incomplete or damaged.|make it again from the folder, or send the folder",
    ArchiveRefusal.ENCRYPTED: "The ZIP is protected with a password, so it could not be read.|"
    "send it without a password: the way here and the store are encrypted already",
    ArchiveRefusal.TOO_MANY: "The ZIP holds more than {entries:,} files.|divide it into several ZIP files",
    ArchiveRefusal.TOO_LARGE: "The ZIP would unpack to more than {total:,} MiB.|"
    "divide it into several ZIP files, or send the folder",
    ArchiveRefusal.RATIO: "The ZIP claims to unpack to more than {ratio} times its size, as images never do.|"
    "send the folder itself",
    ArchiveRefusal.ESCAPING_NAME: "A file name in the ZIP points outside the ZIP.|"
    "pack the folder again with the ordinary compress command of your computer, or send the folder",
    ArchiveRefusal.LINK: "The ZIP holds a link or a device instead of a file.|"
    "pack the files themselves, or send the folder",
    ArchiveRefusal.OVERLAP: "Files inside the ZIP lie on top of each other, as in no ordinary ZIP.|"
    "make it again from the folder, or send the folder",
}

_MEMBER_REASONS = {
    MemberRefusal.EMPTY: "is empty.|export it again",
    MemberRefusal.NESTED: "is an archive itself.|send its content as a ZIP of its own or as a folder",
    MemberRefusal.METHOD: "is packed in an unusual way.|use ordinary ZIP compression, or send the folder",
    MemberRefusal.TOO_LARGE: "is larger than {member:,} MiB.|ask the coordinator how to send it",
    MemberRefusal.SIZE_DIFFERS: "is not of the size the ZIP declares.|make the ZIP again, or send the folder",
    MemberRefusal.DAMAGED: "is damaged.|make the ZIP again, or send the folder",
}


class ArchiveRefused(Exception):
    """The whole archive is refused; `reason` is for the uploader and names no file."""

    def __init__(self, code: ArchiveRefusal, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class MemberRefused(Exception):
    """One file of the archive is refused, the others stand."""

    def __init__(self, member: "RefusedMember") -> None:
        super().__init__(member.reason)
        self.member = member


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an archive may claim (S09, S10): entries, bytes in all and of one file, packing ratio."""

    entries: int = 20_000
    total: int = 4 * 1024 * _MEBIBYTE
    member: int = 1024 * _MEBIBYTE
    ratio: int = 100
    free_of_ratio: int = _MEBIBYTE

    def words(self) -> dict[str, int]:
        return {
            "entries": self.entries,
            "total": self.total // _MEBIBYTE,
            "member": self.member // _MEBIBYTE,
            "ratio": self.ratio,
        }


@dataclass(frozen=True, slots=True)
class RefusedMember:
    """A file named by its place (from 0) only, because its name may hold a person's name."""

    index: int
    code: MemberRefusal
    reason: str


def refuse_archive(code: ArchiveRefusal, limits: Limits) -> NoReturn:
    what, remedy = _ARCHIVE_REASONS[code].format_map(limits.words()).split("|")
    raise ArchiveRefused(code, f"{what} Nothing was taken from it; please {remedy}.") from None


def refused_member(index: int, code: MemberRefusal, limits: Limits) -> RefusedMember:
    what, remedy = _MEMBER_REASONS[code].format_map(limits.words()).split("|")
    return RefusedMember(index, code, f"File {index + 1} of the ZIP {what} It was left out; please {remedy}.")
