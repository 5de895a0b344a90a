"""The data protection impact assessment (GDPR 35): a frame from live settings, and what people judge."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.utils import timezone

from audit.version import VERSION
from imaging.models import Series
from privacy.models import Register
from privacy.services.records import DutyFieldEmpty, Missing, Side, label_of, make, missing_in
from privacy.services.safeguards import measures
from trials.models import Subject, Trial, TrialSite

FORMAT = "corelab-dpia-1"
# Below this many subjects a site number says much about who is meant.
FEW = 5
_DUTIES = ("need", "residual_risk", "officer_opinion")
FLOW = (
    "A site sends images in the browser or by DICOM; they are encrypted before anything looks at them.",
    "A worker removes identity (PS3.15 Basic Profile, deny by default), files the coded image, destroys the original.",
    "People check quality; blinded readers see a case code, no site, no subject and no other reader.",
    "Software measures and derives; nothing counts before a reader has signed the read (article 22).",
    "A coordinator signs a report; the sponsor receives coded results of subjects whose consent covers it.",
    "Every export stands in the ledger; at the end of retention two people destroy and a certificate says so.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Threat:
    """A way to harm a person, what stands against it, and the rows of the checklist that test that."""

    name: str
    how: str
    measures: str
    checks: str
    here: str


def make_assessment(*, trial: Trial) -> dict[str, Any]:
    """Return the assessment of one trial. Raises DutyFieldEmpty."""
    if missing := (*missing_in(trial, Side.CONTROLLER), *_missing(trial)):
        raise DutyFieldEmpty(missing)
    register = Register.objects.get(trial=trial)
    return {
        "format": FORMAT,
        "trial": trial.code,
        "made_at": timezone.now(),
        "software": VERSION,
        "description": make(side=Side.CONTROLLER, trials=[trial])["activities"][0],
        "data flow": list(FLOW),
        "need and proportion": register.need,
        "risks": [asdict(threat) for threat in threats(trial)],
        "measures": [asdict(measure) for measure in measures()],
        "residual risk": register.residual_risk,
        "opinion of the data protection officer": register.officer_opinion,
        "review on": register.review_on,
    }


def _missing(trial: Trial) -> Iterator[Missing]:
    register = Register.objects.filter(trial=trial).first() or Register(trial=trial)
    for name in _DUTIES:
        if not getattr(register, name).strip():
            yield Missing(trial=trial.code, field=label_of(Register, name))
    if register.review_on is None:
        yield Missing(trial=trial.code, field=label_of(Register, "review_on"))


def threats(trial: Trial) -> tuple[Threat, ...]:
    """Return the threats that the design names, each with how it stands in this trial."""
    return (
        Threat(
            name="re-identification by pixels",
            how="names burned into an image, or a screenshot of a worklist",
            measures="burned-in text is blanked or waits for a person; foreign kinds are refused; each scan is seen",
            checks="I02, I03",
            here=f"kinds of images held: {_kinds(trial)}",
        ),
        Threat(
            name="re-identification by headers",
            how="names, numbers, dates and UIDs in DICOM headers and private elements",
            measures="deny by default, shifted dates, keyed UIDs, search for residue before filing",
            checks="I02, P04",
            here=f"patient characteristics (age, sex, weight): {_characteristics(trial)}",
        ),
        Threat(
            name="re-identification by faces",
            how="a face rendered from slices of the head",
            measures="only named people open images, inside the core laboratory; none leave with a report",
            checks="C01, P12",
            here=f"body parts held: {_parts(trial)}",
        ),
        Threat(
            name="re-identification by small sites",
            how="few subjects at a site: a site number and a date point at one person",
            measures="blinded readers see no site; secondary use leaves site and dates out, ids differ by recipient",
            checks="A13, P12",
            here=f"sites with fewer than {FEW} subjects: {_small_sites(trial)}",
        ),
    )


def _series(trial: Trial, column: str) -> str:
    rows = Series.objects.filter(study__time_point__subject__trial_site__trial=trial)
    found = sorted({value for value in rows.values_list(column, flat=True).distinct() if value})
    return ", ".join(found) or "none yet"


def _kinds(trial: Trial) -> str:
    return _series(trial, "modality")


def _parts(trial: Trial) -> str:
    return _series(trial, "body_part")


def _characteristics(trial: Trial) -> str:
    kept = trial.charters.filter(state="approved", retain_patient_characteristics=True).exists()
    return "kept, as the charter says" if kept else "removed"


def _small_sites(trial: Trial) -> str:
    sites = TrialSite.objects.filter(trial=trial).order_by("number")
    few = [site.number for site in sites if Subject.objects.filter(trial_site=site).count() < FEW]
    return ", ".join(few) or "none"
