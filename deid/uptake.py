"""What a standardised uptake value (SUV) is computed from, and whether a plan leaves it in a PET image."""

from collections.abc import Iterator
from dataclasses import dataclass

from deid.choices import Choices, written
from deid.options import Option
from deid.plan import Deed, Plan
from deid.tables import objects

PET_CLASSES = ("1.2.840.10008.5.1.4.1.1.128", "1.2.840.10008.5.1.4.1.1.130")
_RADIOPHARMACEUTICAL = 0x00540016
_LOST = frozenset({Deed.REMOVE, Deed.EMPTY, Deed.DUMMY})


@dataclass(frozen=True, slots=True)
class Needed:
    """One attribute that SUV needs (QIBA FDG-PET profile; PS3.3 C.8.9.1, C.8.9.2, C.8.22.4)."""

    tag: int
    name: str
    # Inside the Radiopharmaceutical Information Sequence.
    is_of_dose: bool = False


# Weight for SUVbw; size and sex for the variants by lean mass and by surface.
OF_PERSON = (
    Needed(0x00101030, "Patient's Weight"),
    Needed(0x00101020, "Patient's Size"),
    Needed(0x00100040, "Patient's Sex"),
)
# Each needs a date that is kept or moved: between injection and scan days may turn.
OF_TIME = (
    Needed(0x00080021, "Series Date"),
    Needed(0x00080022, "Acquisition Date"),
    Needed(0x0008002A, "Acquisition DateTime"),
    Needed(0x00189701, "Decay Correction DateTime"),
    Needed(0x00080031, "Series Time"),
    Needed(0x00080032, "Acquisition Time"),
    Needed(0x00181072, "Radiopharmaceutical Start Time", is_of_dose=True),
    Needed(0x00181078, "Radiopharmaceutical Start DateTime", is_of_dose=True),
    Needed(0x00541300, "Frame Reference Time"),
    Needed(0x00181242, "Actual Frame Duration"),
)
OF_DOSE = (
    Needed(_RADIOPHARMACEUTICAL, "Radiopharmaceutical Information Sequence"),
    Needed(0x00181074, "Radionuclide Total Dose", is_of_dose=True),
    Needed(0x00181075, "Radionuclide Half Life", is_of_dose=True),
    Needed(0x00181076, "Radionuclide Positron Fraction", is_of_dose=True),
    Needed(0x00541001, "Units"),
    Needed(0x00541102, "Decay Correction"),
    Needed(0x00541321, "Decay Factor"),
    Needed(0x00541006, "SUV Type"),
    Needed(0x00280051, "Corrected Image"),
    Needed(0x00281052, "Rescale Intercept"),
    Needed(0x00281053, "Rescale Slope"),
)


def missing(choices: Choices) -> Iterator[str]:
    """Tell, in a sentence each, what these choices would take of SUV and which choice keeps it."""
    plans = [Plan(iod=objects().iods[uid], policy=choices) for uid in PET_CLASSES]
    if lost := _lost(plans, OF_PERSON):
        yield f"SUV needs {_listed(lost)}: choose {Option.RETAIN_PATIENT_CHARACTERISTICS}, and let no line remove them."
    if lost := _lost(plans, OF_TIME):
        yield (
            f"SUV needs {_listed(lost)}: choose {Option.RETAIN_MODIFIED_DATES} (times stay, dates move together), and "
            "let no line remove them."
        )
    if lost := _lost(plans, OF_DOSE):
        yield f"SUV needs {_listed(lost)}: let no line remove them."
    if Option.RETAIN_SAFE_PRIVATE not in choices.options:
        yield (
            "SUV of Philips scanners needs the factors in (7053,1000) and (7053,1009), and of GE scanners the private "
            f"dose and times: choose {Option.RETAIN_SAFE_PRIVATE}."
        )


def _lost(plans: list[Plan], needed: tuple[Needed, ...]) -> list[Needed]:
    return [each for each in needed if any(_is_lost(plan, each) for plan in plans)]


def _is_lost(plan: Plan, needed: Needed) -> bool:
    place = plan.rule(plan.root, _RADIOPHARMACEUTICAL).place if needed.is_of_dose else plan.root
    # What this kind of PET image does not hold cannot be lost.
    return plan.type_of(place, needed.tag) is not None and plan.rule(place, needed.tag).deed in _LOST


def _listed(needed: list[Needed]) -> str:
    return ", ".join(f"{written(each.tag)} {each.name}" for each in needed)
