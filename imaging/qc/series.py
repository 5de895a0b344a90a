"""Instances gathered into series, and how a series is called in a sentence."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from imaging.qc.facts import InstanceFacts

_SECTIONAL = frozenset({"CT", "MR", "PT", "NM"})
_NOT_A_STACK = frozenset({"LOCALIZER", "SCOUT", "SECONDARY CAPTURE", "PROJECTION IMAGE"})


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """All instances of one series, in the order of their UIDs (so that findings never depend on arrival)."""

    uid: str
    instances: tuple[InstanceFacts, ...]

    @property
    def modality(self) -> str:
        return self.instances[0].modality

    @property
    def label(self) -> str:
        """The series as people know it: number and modality, never free text."""
        number = self.instances[0].series_number
        return f"Series {number} ({self.modality})" if number is not None else f"A {self.modality} series"

    @property
    def slice_count(self) -> int:
        return sum(max(instance.frames, 1) for instance in self.instances)

    @property
    def is_localizer(self) -> bool:
        return any(_NOT_A_STACK & {part.upper() for part in one.image_type} for one in self.instances)

    @property
    def should_be_a_stack(self) -> bool:
        """Whether image geometry is expected: several single-frame slices of a sectional modality."""
        is_single_frame = all(one.frames <= 1 for one in self.instances)
        return self.modality in _SECTIONAL and len(self.instances) > 1 and is_single_frame and not self.is_localizer


def gather_series(instances: Sequence[InstanceFacts]) -> tuple[SeriesFacts, ...]:
    """Group by Series Instance UID; series by number, then UID."""
    groups: defaultdict[str, list[InstanceFacts]] = defaultdict(list)
    for one in instances:
        groups[one.series_instance_uid].append(one)
    found = [SeriesFacts(uid, tuple(sorted(group, key=_uid))) for uid, group in groups.items()]
    return tuple(sorted(found, key=_series_order))


def _uid(one: InstanceFacts) -> str:
    return one.sop_instance_uid


def _series_order(series: SeriesFacts) -> tuple[int, str]:
    return (series.instances[0].series_number or 0, series.uid)
