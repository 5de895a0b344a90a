"""What a reader does, in short words: open, name, say, lock."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from endpoints.measure.geometry import PixelPoint
from endpoints.models import Assignment, Lesion, Measurement, Read
from endpoints.selectors.cases import series_places
from endpoints.services import assignments, lesions, reads
from endpoints.services.lesions import Line, NewFinding, NewLesion
from tests.cast import Cast, actor_for
from tests.endpoints.scans import file_scan
from tests.signing import lock
from trials.models import Subject, User

State = Measurement.State


def code_of(refused: pytest.ExceptionInfo[ValidationError]) -> str | None:
    return refused.value.code


def assign(cast: Cast, subject: Subject, code: str, reader: User | None = None) -> Assignment:
    """File and accept a scan and give it to the reader."""
    scan = file_scan(subject, code)
    return assignments.assign(by=actor_for(cast.coordinator), time_point=scan.time_point, reader=reader or cast.reader)


def opened(cast: Cast, subject: Subject, code: str) -> Read:
    return open_read(assign(cast, subject, code), cast.reader)


def open_read(assignment: Assignment, reader: User) -> Read:
    return reads.open_read(by=actor_for(reader), assignment=assignment)


def name(read: Read, kind: Lesion.Kind = Lesion.Kind.TARGET, *, organ: str = "liver", is_node: bool = False) -> Lesion:
    new = NewLesion(kind=kind, organ=organ, is_node=is_node)
    return lesions.add_lesion(by=actor_for(read.assignment.reader), read=read, new=new)


def say(read: Read, lesion: Lesion, state: Measurement.State, mm: str = "") -> Measurement:
    finding = NewFinding(state=state, typed_mm=Decimal(mm) if mm else None)
    return lesions.measure(by=actor_for(read.assignment.reader), read=read, lesion=lesion, finding=finding)


def draw(
    read: Read, lesion: Lesion, start: tuple[float, float], end: tuple[float, float], *, frame: int = 3
) -> Measurement:
    token = series_places(read.assignment.time_point)[0].token
    line = Line(
        series=0,
        frame=frame,
        token=token,
        start=PixelPoint(row=start[0], column=start[1]),
        end=PixelPoint(row=end[0], column=end[1]),
    )
    finding = NewFinding(state=State.MEASURED, line=line)
    return lesions.measure(by=actor_for(read.assignment.reader), read=read, lesion=lesion, finding=finding)


def read_through(cast: Cast, subject: Subject, sums: dict[str, str]) -> list[Read]:
    """Read scans in order with one liver target of these diameters (mm)."""
    done: list[Read] = []
    for code, mm in sums.items():
        read = opened(cast, subject, code)
        lesion = name(read) if not done else Lesion.objects.get(subject=subject, reader=cast.reader, label="T01")
        say(read, lesion, State.MEASURED, mm)
        done.append(lock(read))
    return done
