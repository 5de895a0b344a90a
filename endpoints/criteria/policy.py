"""The choices RECIST 1.1 leaves to a protocol, each as a named knob of the charter."""

from dataclasses import dataclass
from enum import StrEnum

from endpoints.criteria.errors import CriteriaError


class PrAfterPr(StrEnum):
    """What a target sum means that no longer reaches -30 % after a PR was held."""

    EORTC = "eortc"  # stays PR until PD (EORTC RECIST clarifications: 100, 70, 70, 80, 80)
    STRICT = "strict"  # each visit stands alone, so it becomes SD


class CrThenReappears(StrEnum):
    """What disease seen again after a complete response means (RECIST 1.1 table 3, footnote)."""

    PROGRESSION = "progression"
    REREAD_AS_PR = "reread-as-pr"  # small lesions were probably still there: the unconfirmed CR was a PR


class NoVisit(StrEnum):
    """What the best overall response is called when nothing followed the baseline."""

    MISSING = "missing"
    NOT_EVALUABLE = "not-evaluable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All days are counted like `Visit.day`; `start_day` is the day from which SD must have lasted."""

    confirmation_required: bool
    minimum_sd_days: int
    confirmation_days: int = 28
    start_day: int = 0
    max_ne_between: int = 1
    max_sd_between: int = 0
    pr_after_pr: PrAfterPr = PrAfterPr.EORTC
    cr_then_reappears: CrThenReappears = CrThenReappears.PROGRESSION
    no_visit: NoVisit = NoVisit.MISSING

    def __post_init__(self) -> None:
        counts = (self.minimum_sd_days, self.confirmation_days, self.max_ne_between, self.max_sd_between)
        if min(counts) < 0:
            raise CriteriaError("A policy counts days and visits; none of these numbers can be below zero.")
