"""Three invented subjects of three visits, whose response is known as their lesions grow by a factor."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from config.demo.lesions import Lesion, Organ, sum_of_diameters
from config.demo.scans import ScanSpec

_BASELINE_DAY = date(2026, 1, 12)
_VISITS = (("BL", 0), ("FU1", 56), ("FU2", 112))
_LESIONS = (
    Lesion(label="T1", organ=Organ.RIGHT_LUNG, centre=(-64.0, 4.0, 27.0), semi_axes=(14.0, 14.0, 14.0), hu=40),
    Lesion(label="T2", organ=Organ.LEFT_LUNG, centre=(62.0, 6.0, 12.0), semi_axes=(18.0, 12.0, 14.0), hu=35),
    Lesion(label="T3", organ=Organ.LIVER, centre=(-58.0, 2.0, -30.0), semi_axes=(12.0, 12.0, 12.0), hu=15),
    Lesion(
        label="T4",
        organ=Organ.MEDIASTINAL_NODE,
        centre=(-2.0, 24.0, 24.0),
        semi_axes=(12.0, 9.0, 10.0),
        hu=90,
    ),
)
_NEW_LESION = Lesion(label="NEW1", organ=Organ.LEFT_LUNG, centre=(66.0, 30.0, -28.0), semi_axes=(8.0, 8.0, 8.0), hu=40)


class Outcome(StrEnum):
    """What RECIST 1.1 must find at a follow-up."""

    PARTIAL_RESPONSE = "PR"
    STABLE_DISEASE = "SD"
    PROGRESSIVE_DISEASE = "PD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One scan of a subject; `outcome` is None at baseline, `day` counts from the baseline scan."""

    code: str
    day: int
    spec: ScanSpec
    outcome: Outcome | None

    @property
    def targets(self) -> tuple[Lesion, ...]:
        """The lesions followed since baseline."""
        return tuple(lesion for lesion in self.spec.lesions if lesion.label.startswith("T"))

    @property
    def new_lesions(self) -> tuple[Lesion, ...]:
        return tuple(lesion for lesion in self.spec.lesions if lesion.label.startswith("NEW"))

    @property
    def sum_of_diameters_mm(self) -> float:
        """The true sum of target diameters (RECIST 1.1 section 4.2)."""
        return sum_of_diameters(self.targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomSubject:
    """One invented person with a baseline and two follow-ups."""

    name: str
    identifier: str
    visits: tuple[Visit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Course:
    """How a subject fares: size against baseline and outcome at each visit, and what is new at the end."""

    name: str
    identifier: str
    factors: tuple[float, float, float]
    outcomes: tuple[Outcome | None, Outcome, Outcome]
    new_at_end: tuple[Lesion, ...] = ()


_COURSES = (
    _Course(
        name="PHANTOM^ONE",
        identifier="PHANTOM-0001",
        factors=(1.0, 0.65, 0.55),
        outcomes=(None, Outcome.PARTIAL_RESPONSE, Outcome.PARTIAL_RESPONSE),
    ),
    _Course(
        name="PHANTOM^TWO",
        identifier="PHANTOM-0002",
        factors=(1.0, 0.95, 0.90),
        outcomes=(None, Outcome.STABLE_DISEASE, Outcome.STABLE_DISEASE),
    ),
    _Course(
        name="PHANTOM^THREE",
        identifier="PHANTOM-0003",
        factors=(1.0, 1.25, 1.40),
        outcomes=(None, Outcome.PROGRESSIVE_DISEASE, Outcome.PROGRESSIVE_DISEASE),
        new_at_end=(_NEW_LESION,),
    ),
)


def _subject(course: _Course, number: int) -> PhantomSubject:
    visits = tuple(_visit(course, number, index) for index in range(len(_VISITS)))
    return PhantomSubject(name=course.name, identifier=course.identifier, visits=visits)


def _visit(course: _Course, number: int, index: int) -> Visit:
    code, day = _VISITS[index]
    followed = tuple(lesion.grown(course.factors[index]) for lesion in _LESIONS)
    is_last = index == len(_VISITS) - 1
    spec = ScanSpec(
        patient_name=course.name,
        patient_id=course.identifier,
        study_date=_BASELINE_DAY + timedelta(days=day + 7 * (number - 1)),
        lesions=followed + (course.new_at_end if is_last else ()),
        seed=10 * number + index,
    )
    return Visit(code=code, day=day, spec=spec, outcome=course.outcomes[index])


SUBJECTS = tuple(_subject(course, number) for number, course in enumerate(_COURSES, start=1))
