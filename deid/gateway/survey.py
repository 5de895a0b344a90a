"""The first look at a folder, before anything is sent: what is in it, and whether all of it is one person."""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deid.command.folder import opened
from deid.elements import Item, Source, text_of
from deid.engine import read_file
from deid.identity import IdentityTokens, agreed, group_persons, tokens_of
from deid.model import Rejected, Rejection
from deid.reader import Memory

_MODALITY, _SERIES, _SOP_INSTANCE, _DIRECTORY = 0x00080060, 0x0020000E, 0x00080018, 0x00041220
_MOST_NAMED = 5
# As much as Corelab's door takes in one object.
LARGEST = 2 << 30

UNREADABLE = (
    "The file could not be read to its end on this machine. It was not sent. "
    "Please check the disk it lies on, and run again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file that can be read. `name` and `series` stay here; `stamp` tells whether it changed since.

    `tokens` are under the key of this machine, `common_tokens` under the one that Corelab gave.
    """

    path: Path
    name: str
    sha256: str
    size: int
    stamp: tuple[int, int, int]
    tokens: IdentityTokens
    common_tokens: IdentityTokens | None
    series: str
    modality: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A file that is not sent, with the reason in words; `sha256` is "" where it could not even be opened."""

    name: str
    sha256: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What persons are told apart by here, and what Corelab gave to tell it by; None where it gave none."""

    own: bytes
    common: bytes | None = None


@dataclass(slots=True)
class Survey:
    """What a folder holds. Left aside are DICOMDIRs and files that are the same as another one."""

    found: list[Found] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    aside: int = 0


def survey(source: Path, *, keys: Keys, show: Callable[[int, int], None]) -> Survey:
    """Look at every file of a folder."""
    seen, memory, done = set[str](), Memory(), Survey()
    paths = [path for path in sorted(source.rglob("*")) if path.is_file()]
    for number, path in enumerate(paths, start=1):
        name, sha256 = str(path.relative_to(source)), ""
        try:
            with opened(path) as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                found = None if sha256 in seen else _look_at(path, name, file, sha256, keys=keys, memory=memory)
        except OSError:
            done.refused.append(Refusal(name=name, sha256=sha256, code="unreadable", reason=UNREADABLE))
        except Rejected as refused:
            done.refused.append(Refusal(name=name, sha256=sha256, code=refused.code, reason=refused.reason))
        else:
            done.aside += found is None
            done.found.extend([found] if found else [])
        seen.add(sha256)
        show(number, len(paths))
    return done


def _look_at(path: Path, name: str, file: io.FileIO, sha256: str, *, keys: Keys, memory: Memory) -> Found | None:
    if path.stat().st_size > LARGEST:
        raise Rejected(
            Rejection.TOO_LARGE,
            "The file is larger than two gigabytes, which is more than one object may be. It was not sent. "
            "Please export the series as single images, or ask the coordinator.",
        )
    source = read_file(file.fileno(), memory=memory)
    if _is_directory(source):
        return None
    tokens = tokens_of(source.item, key=keys.own)
    if not (tokens.patient_id or tokens.person):
        raise Rejected(
            Rejection.INCOMPLETE,
            "The file names no patient, so it cannot be told whose it is. It was not sent. "
            "Please export it again with its patient identifier.",
        )
    return Found(
        path=path,
        name=name,
        sha256=sha256,
        size=path.stat().st_size,
        stamp=stamp_of(path),
        tokens=tokens,
        common_tokens=tokens_of(source.item, key=keys.common) if keys.common else None,
        series=_text(source.item, _SERIES),
        modality=_text(source.item, _MODALITY),
    )


def stamp_of(path: Path) -> tuple[int, int, int]:
    """Return what changes when a file does: which it is, its size, and when it was written."""
    told = path.stat()
    return told.st_ino, told.st_size, told.st_mtime_ns


def _is_directory(source: Source) -> bool:
    return _DIRECTORY in source.item and _SOP_INSTANCE not in source.item


def _text(item: Item, tag: int) -> str:
    return text_of(item.get(tag))


def require_one_person(found: list[Found]) -> frozenset[str]:
    """Return the tokens of the one person in all files. Raises ValueError where they are of several."""
    groups = sorted(group_persons({each.tokens for each in found}), key=lambda group: len(_of(group, found)))
    if len(groups) > 1:
        strays = [each.name for group in groups[:-1] for each in _of(group, found)]
        more = f" and {len(strays) - _MOST_NAMED} more" if len(strays) > _MOST_NAMED else ""
        raise ValueError(
            f"this folder holds images of {len(groups)} persons, or of one under names and numbers that meet in no "
            "file. Nothing was sent. Keep one subject's images in a folder of their own; of another person than most "
            f"are: {', '.join(strays[:_MOST_NAMED])}{more}"
        )
    return frozenset(groups[0]) if groups else frozenset()


def main_token(found: Sequence[Found]) -> str:
    """Return what the one person is named after outside: their number where all files agree on it."""
    numbers = {each.tokens.patient_id for each in found} - {""}
    persons = {each.tokens.person for each in found} - {""}
    return min(numbers) if len(numbers) == 1 else min(persons or numbers)


def person_of(found: Sequence[Found]) -> str:
    """Return what Corelab is told of the one person; "" where it gave no key for it."""
    told = {each.common_tokens for each in found if each.common_tokens}
    return agreed(told).written if told else ""


def _of(group: set[str], found: list[Found]) -> list[Found]:
    return [each for each in found if {each.tokens.patient_id, each.tokens.person} & group]
