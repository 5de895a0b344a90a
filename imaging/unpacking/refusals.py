"""Why an archive or one of its files is refused, said in the uploader's words; no file is named."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

_MEBIBYTE = 1024 * 1024


class ArchiveRefusal(StrEnum):
    """Why a whole archive is refused."""

    UNKNOWN_KIND = "unknown-archive"
    DAMAGED = "damaged"
    ENCRYPTED = "encrypted"
    TOO_MANY = "too-many"
    TOO_LARGE = "too-large"
    RATIO = "ratio"
    TOO_DEEP = "too-deep"
    ESCAPING_NAME = "escaping-name"
    LINK = "link"
    SPARSE = "sparse"
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
    ArchiveRefusal.UNKNOWN_KIND: "This is neither a ZIP nor a tar (.tar, .tar.gz), and other archives are not opened "
    "here.|send it as ZIP or as a folder",
    ArchiveRefusal.DAMAGED: "The archive is incomplete or damaged.|make it again from the folder, or send the folder",
    ArchiveRefusal.ENCRYPTED: "The archive is protected with a password, so it could not be read.|"
    "send it without a password: the way here and the store are encrypted already",
    ArchiveRefusal.TOO_MANY: "The archive holds more than {entries:,} files.|divide it into several archives",
    ArchiveRefusal.TOO_LARGE: "The archive would unpack to more than {total:,} MiB.|"
    "divide it into several archives, or send the folder",
    ArchiveRefusal.RATIO: "The archive claims to unpack to more than {ratio} times its size, as images never do.|"
    "send the folder itself",
    ArchiveRefusal.TOO_DEEP: "The archive holds folders more than {depth} deep, as no scan does.|"
    "pack the folder of the scan itself",
    ArchiveRefusal.ESCAPING_NAME: "A file name in the archive points outside it.|"
    "pack the folder again with the ordinary compress command of your computer, or send the folder",
    ArchiveRefusal.LINK: "The archive holds a link or a device instead of a file.|"
    "pack the files themselves, or send the folder",
    ArchiveRefusal.SPARSE: "The archive holds a file with holes, which is not opened here.|"
    "pack it again without the option for sparse files, or send the folder",
    ArchiveRefusal.OVERLAP: "Files inside the archive lie on top of each other, as in no ordinary one.|"
    "make it again from the folder, or send the folder",
}

_MEMBER_REASONS = {
    MemberRefusal.EMPTY: "is empty.|export it again",
    MemberRefusal.NESTED: "is an archive itself.|send its content as an archive of its own or as a folder",
    MemberRefusal.METHOD: "is packed in an unusual way.|use ordinary ZIP compression, or send the folder",
    MemberRefusal.TOO_LARGE: "is larger than {member:,} MiB.|ask the coordinator how to send it",
    MemberRefusal.SIZE_DIFFERS: "is not of the size the archive declares.|make the archive again, or send the folder",
    MemberRefusal.DAMAGED: "is damaged.|make the archive again, or send the folder",
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
    """What an archive may claim (S09, S10): entries, bytes in all and of one file, packing ratio, depth of folders."""

    entries: int = 20_000
    total: int = 4 * 1024 * _MEBIBYTE
    member: int = 1024 * _MEBIBYTE
    ratio: int = 100
    free_of_ratio: int = _MEBIBYTE
    depth: int = 64

    def words(self) -> dict[str, int]:
        return {
            "entries": self.entries,
            "total": self.total // _MEBIBYTE,
            "member": self.member // _MEBIBYTE,
            "ratio": self.ratio,
            "depth": self.depth,
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
    return RefusedMember(index, code, f"File {index + 1} of the archive {what} It was left out; please {remedy}.")
