"""What an address below …/dicomweb/ means (PS3.18 10.4, 10.6): read in one way for trial and blinded case."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    STUDIES = "studies"
    SERIES = "series"
    INSTANCES = "instances"
    OBJECTS = "objects"
    METADATA = "metadata"
    FRAMES = "frames"
    RENDERED = "rendered"
    BULKDATA = "bulkdata"


SEARCHES = frozenset({Kind.STUDIES, Kind.SERIES, Kind.INSTANCES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What is asked for; UIDs are "" where none is named, `frames` count from 1, `tag` is that of bulk data."""

    kind: Kind
    study: str = ""
    series: str = ""
    instance: str = ""
    frames: tuple[int, ...] = ()
    tag: str = ""


_UID = r"[0-9.]{1,64}"
_STUDY = rf"studies/(?P<study>{_UID})"
_SERIES = rf"{_STUDY}/series/(?P<series>{_UID})"
_INSTANCE = rf"{_SERIES}/instances/(?P<instance>{_UID})"
_FRAMES = r"frames/(?P<frames>[0-9]{1,6}(?:,[0-9]{1,6}){0,999})"
_ADDRESSES = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (Kind.STUDIES, "studies"),
        (Kind.SERIES, "series"),
        (Kind.INSTANCES, "instances"),
        (Kind.SERIES, f"{_STUDY}/series"),
        (Kind.INSTANCES, f"{_STUDY}/instances"),
        (Kind.INSTANCES, f"{_SERIES}/instances"),
        (Kind.OBJECTS, _STUDY),
        (Kind.OBJECTS, _SERIES),
        (Kind.OBJECTS, _INSTANCE),
        (Kind.METADATA, f"{_STUDY}/metadata"),
        (Kind.METADATA, f"{_SERIES}/metadata"),
        (Kind.METADATA, f"{_INSTANCE}/metadata"),
        (Kind.FRAMES, f"{_INSTANCE}/{_FRAMES}"),
        (Kind.RENDERED, f"{_INSTANCE}/rendered"),
        (Kind.RENDERED, f"{_INSTANCE}/{_FRAMES}/rendered"),
        (Kind.BULKDATA, f"{_INSTANCE}/bulkdata/(?P<tag>[0-9A-Fa-f]{{8}})"),
    )
)


def read_resource(path: str) -> Resource | None:
    """Return what the address asks for; None where it is none of ours."""
    for kind, pattern in _ADDRESSES:
        if found := pattern.fullmatch(path):
            told = {name: text or "" for name, text in found.groupdict().items()}
            frames = tuple(int(text) for text in filter(None, told.pop("frames", "").split(",")))
            told["tag"] = told.get("tag", "").upper()
            return Resource(kind=kind, frames=frames, **told)
    return None
