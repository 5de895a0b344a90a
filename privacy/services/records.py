"""The record of processing (GDPR 30), made from live trials, ledger, clocks and settings; empty duties refuse it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.utils import timezone

from audit.english import in_english
from audit.version import VERSION
from privacy.models import LegalBasis, Processor, Register, Transfer
from privacy.selectors import kept_until, retention_of
from privacy.services.safeguards import measures
from trials.models import Charter, ConsentForm, Disclosure, Trial

FORMAT = "corelab-article-30-1"
SUBJECTS = ("participants of the trial, known by code", "people who work on the trial: account, role, acts")
DATA = (
    "health data: medical images, quality findings, measurements, responses",
    "consent: form, version, modules, dates",
    "accounts of staff: name, organisation, roles, acts with time and address",
)
IN_VAULT = "identity, in a vault apart: name, birth date, sex, number and contact of the participant at the hospital"
# What every role needs of the register's fields.
_DUTIES = {
    "controller": ("controller", "joint_controller", "representative", "officer"),
    "processor": ("core_lab", "controller", "representative", "officer"),
}


class Side(StrEnum):
    """In which capacity the record is kept: article 30(1) or 30(2)."""

    CONTROLLER = "controller"
    PROCESSOR = "processor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A duty field that is empty."""

    trial: str
    field: str

    def __str__(self) -> str:
        return f"{self.trial}: {self.field}"


class DutyFieldEmpty(Exception):
    """The record cannot be made; `missing` names every field that somebody has to fill in."""

    def __init__(self, missing: tuple[Missing, ...]) -> None:
        super().__init__("; ".join(map(str, missing)))
        self.missing = missing


@in_english
def make(*, side: Side, trials: list[Trial] | None = None) -> dict[str, Any]:
    """Return the record over the live trials, or those told. Raises DutyFieldEmpty."""
    chosen = live_trials() if trials is None else trials
    if missing := tuple(each for trial in chosen for each in missing_in(trial, side)):
        raise DutyFieldEmpty(missing)
    return {
        "format": FORMAT,
        "article": "30(1)" if side is Side.CONTROLLER else "30(2)",
        "made_at": timezone.now(),
        "software": VERSION,
        "activities": [_FORMS[side](trial) for trial in chosen],
    }


def live_trials() -> list[Trial]:
    """Return every trial whose data are processed: one in preparation has none."""
    return list(Trial.objects.exclude(state=Trial.State.PREPARING).select_related("sponsor"))


def missing_in(trial: Trial, side: Side) -> Iterator[Missing]:
    """Name the empty duty fields of a trial by the words of their page."""
    register = Register.objects.filter(trial=trial).first() or Register(trial=trial)
    for name in _DUTIES[side]:
        if not getattr(register, name).strip():
            yield Missing(trial=trial.code, field=label_of(Register, name))
    if not register.without_transfers and not trial.transfers.exists():
        yield Missing(trial=trial.code, field="transfers, or that nothing goes to a third country")
    if not register.without_processors and not trial.processors.exists():
        yield Missing(trial=trial.code, field="processors, or that no other is used")
    if side is Side.CONTROLLER:
        yield from _missing_of_controller(trial)


def _missing_of_controller(trial: Trial) -> Iterator[Missing]:
    if retention_of(trial) is None:
        yield Missing(trial=trial.code, field="retention clock")
    named = set(LegalBasis.objects.filter(trial=trial).values_list("purpose", flat=True))
    for purpose in purposes_of(trial):
        if purpose not in named:
            yield Missing(trial=trial.code, field=f"legal basis: {purpose.label}")


def purposes_of(trial: Trial) -> list[LegalBasis.Purpose]:
    """Return the purposes a trial has: secondary use only where a consent form asks for it (P01)."""
    purposes = [LegalBasis.Purpose.RESEARCH, LegalBasis.Purpose.RELIABILITY]
    asked = any(ConsentForm.Scope.SECONDARY in form.scopes for form in trial.consent_forms.all())
    return [*purposes, LegalBasis.Purpose.SECONDARY] if asked else purposes


def label_of(model: type[Any], name: str) -> str:
    return str(model._meta.get_field(name).verbose_name)


def _of_controller(trial: Trial) -> dict[str, Any]:
    register = Register.objects.get(trial=trial)
    return {
        "trial": trial.code,
        "(a) controller": _fields(register, "controller", "joint_controller", "representative", "officer"),
        "(b) purposes": _purposes(trial),
        "(c) categories of subjects and data": {"subjects": list(SUBJECTS), "data": [*_data(), *_modalities(trial)]},
        "(d) recipients": recipients(trial),
        "(e) transfers": _transfers(trial),
        "(f) time limits of erasure": _limits(trial),
        "(g) security measures": _security(),
        "processors (article 28)": _processors(trial),
    }


def _of_processor(trial: Trial) -> dict[str, Any]:
    register = Register.objects.get(trial=trial)
    return {
        "trial": trial.code,
        "(a) processor and controller": _fields(register, "core_lab", "controller", "representative", "officer"),
        "(b) categories of processing": [
            "receiving and de-identifying images",
            "quality control by people",
            "blinded reading by people, measures by software under their signature",
            "deriving responses and endpoints",
            "reporting to the sponsor",
            "archiving until the end of retention",
        ],
        "(c) transfers": _transfers(trial),
        "(d) security measures": _security(),
        "further processors (article 28)": _processors(trial),
    }


_FORMS = {Side.CONTROLLER: _of_controller, Side.PROCESSOR: _of_processor}


def _fields(register: Register, *names: str) -> dict[str, str]:
    return {label_of(Register, name): getattr(register, name) for name in names}


def _purposes(trial: Trial) -> list[dict[str, str]]:
    return [
        {
            "purpose": str(row.get_purpose_display()),
            "article 6": str(row.get_article_6_display()),
            "article 9": str(row.get_article_9_display()),
        }
        for row in LegalBasis.objects.filter(trial=trial)
    ]


def _data() -> list[str]:
    return [*DATA, IN_VAULT] if settings.VAULT_ON else list(DATA)


def _modalities(trial: Trial) -> list[str]:
    rows = trial.charters.filter(state=Charter.State.APPROVED)
    found = {modality for modality in rows.values_list("time_points__requirements__modality", flat=True) if modality}
    return [f"images of the kinds {', '.join(sorted(found))}"] if found else []


def recipients(trial: Trial) -> list[str]:
    """Return the sponsor and everybody the ledger names, each once."""
    rows = Disclosure.objects.filter(trial=trial).exclude(kind=Disclosure.Kind.ACCESS)
    named = rows.order_by("recipient").values_list("recipient", flat=True).distinct()
    return [f"sponsor: {trial.sponsor.name}", *named, "subjects, on request"]


def _transfers(trial: Trial) -> list[dict[str, str]] | str:
    rows = Transfer.objects.filter(trial=trial)
    told = [{"recipient": row.recipient, "country": row.country, "safeguard": row.safeguard} for row in rows]
    return told or "nothing goes to a third country"


def _processors(trial: Trial) -> list[dict[str, str]] | str:
    rows = Processor.objects.filter(trial=trial)
    told = [{"name": row.name, "task": row.task, "contract": row.contract, "place": row.place} for row in rows]
    return told or "no other processor is used"


def _limits(trial: Trial) -> dict[str, Any]:
    clock, last = retention_of(trial), kept_until(trial)
    return {
        "rule": clock.rule if clock else "",
        "years after the end of the trial": clock.years if clock else None,
        "kept until": last or "the trial has not ended",
        "originals": "destroyed once an image is filed; refused ones when a person discards them",
    }


def _security() -> list[dict[str, Any]]:
    return [asdict(measure) for measure in measures()]
