"""The data protection impact assessment (GDPR 35): a frame from live settings, and what people judge."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Q
from django.utils import timezone

from audit.version import VERSION
from deid import Option
from imaging.models import Series, Tool
from imaging.services.browser import hindrance
from privacy.models import Register
from privacy.services.records import DutyFieldEmpty, Missing, Side, label_of, make, missing_in
from privacy.services.safeguards import measures
from trials.models import Charter, SiteToken, Subject, Trial, TrialSite
from trials.selectors import policy_of

FORMAT = "corelab-dpia-1"
# Below this many subjects a site number says much about who is meant.
FEW = 5
_RETAIN = "retain-"
_DUTIES = ("need", "residual_risk", "officer_opinion")
_FLOW = (
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
        "data flow": [*_ways_in(trial), *_FLOW, _ways_out(trial)],
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
    # One that was to be reviewed and was not says nothing of today (GDPR 35(11)).
    if register.review_on is None or register.review_on < timezone.localdate():
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
            here=f"kept by the charter in force: {_kept(trial)}",
        ),
        Threat(
            name="re-identification by faces",
            how="a face rendered from slices of the head",
            measures="only named people and registered tools open images; the ledger tells of each that leaves",
            checks="C01, P12",
            here=f"body parts held: {_parts(trial)}; {_faces(trial)}",
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


def _options(trial: Trial) -> frozenset[Option]:
    """The options that the charter in force executes beside the Basic Profile."""
    charter = trial.charters.filter(state=Charter.State.APPROVED).first()
    return policy_of(charter).options if charter else frozenset()


def _kept(trial: Trial) -> str:
    kept = sorted(option.removeprefix(_RETAIN).replace("-", " ") for option in _options(trial) if _RETAIN in option)
    return ", ".join(kept) or "nothing"


def _faces(trial: Trial) -> str:
    taken_out = Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES in _options(trial)
    return "faces are taken out" if taken_out else "faces stay as they were scanned"


def _ways_in(trial: Trial) -> Iterator[str]:
    senders = TrialSite.objects.filter(trial=trial).exclude(ae_title="").count()
    tokens = SiteToken.objects.filter(_in_force(), trial_site__trial=trial).count()
    yield (
        f"Sites send images in the browser, by DICOM ({senders} known senders) and by DICOMweb ({tokens} tokens in "
        "force); they are encrypted before anything here looks at them."
    )
    charter = trial.charters.filter(state=Charter.State.APPROVED).first()
    if charter and hindrance(trial, policy_of(charter)) is None:
        yield "The site's browser removes identity before it sends, where it can; a second run here proves that."


def _in_force() -> Q:
    return Q(revoked_at__isnull=True, ends_on__gte=timezone.localdate())


def _ways_out(trial: Trial) -> str:
    tools = Tool.objects.filter(_in_force(), trial=trial)
    handing = tools.filter(purpose=Tool.Purpose.EXPORT).count()
    return f"Registered tools take cleaned images: {tools.count()}; of these hand them on to the sponsor: {handing}."


def _small_sites(trial: Trial) -> str:
    sites = TrialSite.objects.filter(trial=trial).order_by("number")
    few = [site.number for site in sites if Subject.objects.filter(trial_site=site).count() < FEW]
    return ", ".join(few) or "none"
