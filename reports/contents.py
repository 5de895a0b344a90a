"""What a report freezes, as plain typed data: PDF, figures and pages are made from this and nothing else.

No account name has a field here: readers are positions, sites are numbers, signers are printed names.
"""

import dataclasses
import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

FORMAT = "corelab-report-1"
BASELINE = "BASELINE"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFacts:
    code: str
    title: str
    protocol_number: str
    sponsor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureFacts:
    """A signature as it must be shown (21 CFR 11.50): printed name, time, meaning, and the hash it covers."""

    printed_name: str
    at: dt.datetime
    meaning: str
    record_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedVisit:
    """A time point of the charter; `day` and the window count in days."""

    code: str
    name: str
    day: int
    window_before: int
    window_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CharterFacts:
    """The charter in force when the report was built."""

    version: int
    document_sha256: str
    approval: SignatureFacts
    criteria: str
    confirmation_required: bool
    confirmation_days: int
    minimum_sd_days: int
    schedule: tuple[PlannedVisit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One locked read with its response as it stood at the cut-off; mm, and percent of baseline."""

    code: str
    day: int
    is_day_planned: bool
    sum_mm: Decimal | None
    nadir_mm: Decimal | None
    change_pct: Decimal | None
    target: str
    non_target: str
    new_lesion: bool
    overall: str
    explanation: str
    criteria_version: str
    input_sha256: str
    read_sha256: str

    @property
    def is_baseline(self) -> bool:
        return self.overall == BASELINE


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best overall response as it stood at the cut-off."""

    value: str
    explanation: str
    charter_version: int
    criteria_version: str
    input_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A subject as one reader saw it: `reader` is “Reader 1”, “Reader 2” … and never a name."""

    subject: str
    site: str
    reader: str
    best: Best | None
    visits: tuple[Visit, ...]

    @property
    def best_change(self) -> Decimal | None:
        """Return the smallest change from baseline in percent, None where no visit after baseline has one."""
        changes = [v.change_pct for v in self.visits if not v.is_baseline and v.change_pct is not None]
        return min(changes, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One measured segment of one time point; millilitres and mm."""

    subject: str
    time_point: str
    label: str
    voxels: int
    volume_ml: Decimal
    longest_axial_mm: Decimal | None
    short_axis_mm: Decimal | None
    software: tuple[Version, ...]
    input_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """What a subject took back: a level W1 to W6, or single modules. Reports frozen before levels name neither."""

    subject: str
    on: dt.date
    level: str = ""
    modules: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        return self.level or ", ".join(self.modules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A subject whose results are left out, and why in words."""

    subject: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """registered = reported + unread + excluded."""

    registered: int
    reported: int
    unread: int
    excluded: int
    withdrawn: int
    locked_reads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """The last event of the audit log when the contents were frozen."""

    sequence: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Everything a report says. `number` counts the trial's reports; `frozen_at` is UTC."""

    format: str
    number: int
    frozen_at: dt.datetime
    cut_off: dt.date
    trial: TrialFacts
    charter: CharterFacts
    counts: Counts
    methods: tuple[str, ...]
    readings: tuple[Reading, ...]
    volumes: tuple[Volume, ...]
    unread: tuple[str, ...]
    withdrawn: tuple[Withdrawal, ...]
    excluded: tuple[Exclusion, ...]
    software: tuple[Version, ...]
    audit: AuditHead

    @property
    def readers(self) -> tuple[str, ...]:
        return tuple(sorted({reading.reader for reading in self.readings}))

    @property
    def subjects(self) -> tuple[str, ...]:
        """Return the codes of every subject of whom something is told, results and volumes alike."""
        read = {reading.subject for reading in self.readings}
        return tuple(sorted(read | {volume.subject for volume in self.volumes}))

    @property
    def named(self) -> tuple[str, ...]:
        """Return the codes of every subject whose code stands anywhere in it, be it only as left out."""
        listed = {*(gone.subject for gone in self.withdrawn), *(out.subject for out in self.excluded)}
        return tuple(sorted({*self.subjects, *self.unread} | listed))


def to_plain(contents: Contents) -> dict[str, Any]:
    """Return the contents as JSON data: decimals, days and times as text, no floats: stable bytes."""
    plain: dict[str, Any] = _plain(contents)
    return plain


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def from_plain(data: dict[str, Any]) -> Contents:
    """Return what `to_plain` was given. Raises ValueError for another format."""
    if data.get("format") != FORMAT:
        raise ValueError("these contents were frozen in another format")
    contents: Contents = _thaw(Contents, data)
    return contents


def _thaw(kind: Any, value: Any) -> Any:
    if get_origin(kind) is UnionType:
        return None if value is None else _thaw(get_args(kind)[0], value)
    if get_origin(kind) is tuple:
        return tuple(_thaw(get_args(kind)[0], item) for item in value)
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        # A field that came later has a default; one that has none is missed by the class itself.
        told = {name: _thaw(hint, value[name]) for name, hint in hints.items() if name in value}
        return kind(**told)  # type: ignore[operator]  # a class
    if kind in {dt.date, dt.datetime}:
        return kind.fromisoformat(value)
    return Decimal(value) if kind is Decimal else value
