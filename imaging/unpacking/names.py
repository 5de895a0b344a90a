"""What the name of an archive's entry tells: only whether it lies, and whether it is no image by its nature."""

import re

_ARCHIVE = re.compile(r"\.(zip|tar|tgz|gz|bz2|xz|7z|rar)$", re.IGNORECASE)
_SYSTEM = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)
_DICOMDIR = re.compile(r"(^|/)DICOMDIR$", re.IGNORECASE)
_ESCAPING = re.compile(r"^/|^[A-Za-z]:|(^|/)\.\.(/|$)|\x00")


def is_escaping(name: str) -> bool:
    """Whether a name would lead out of the folder an archive is unpacked in, on any system (S10)."""
    return bool(_ESCAPING.search(name.replace("\\", "/")))


def depth_of(name: str) -> int:
    return name.replace("\\", "/").strip("/").count("/")


def is_archive_name(name: str) -> bool:
    return bool(_ARCHIVE.search(name))


def is_system_file(name: str) -> bool:
    return bool(_SYSTEM.search(name))


def is_dicomdir(name: str) -> bool:
    """Whether this is the directory of a file-set: skipped, so that its references are never followed (S11)."""
    return bool(_DICOMDIR.search(name)) and not is_system_file(name)
