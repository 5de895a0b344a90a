"""Made-up contents for tests that need no database: `count` subjects with three visits each."""

import datetime as dt
from decimal import Decimal

from reports.contents import (
    FORMAT,
    AuditHead,
    Best,
    CharterFacts,
    Contents,
    Counts,
    Exclusion,
    PlannedVisit,
    Reading,
    SignatureFacts,
    TrialFacts,
    Version,
    Visit,
    Volume,
    Withdrawal,
)
from reports.methods import describe

AT = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)
APPROVAL = SignatureFacts(
    printed_name="Clara Coordinator", at=AT, meaning="I approve this record", record_sha256="c" * 64
)
RELEASE = SignatureFacts(
    printed_name="Clara Coordinator", at=AT, meaning="I approve this record", record_sha256="e" * 64
)
_CHANGES = (
    Decimal("-64.0"),
    Decimal("-31.5"),
    Decimal("-12.5"),
    Decimal("4.0"),
    Decimal("36.4"),
    Decimal("-100.0"),
)
_BESTS = ("PR", "PR", "SD", "SD", "PD", "CR")


def charter(*, confirmation_required: bool = True) -> CharterFacts:
    return CharterFacts(
        version=2,
        document_sha256="c" * 64,
        approval=APPROVAL,
        criteria="recist11",
        confirmation_required=confirmation_required,
        confirmation_days=28,
        minimum_sd_days=42,
        schedule=(
            PlannedVisit(code="BL", name="Baseline", day=0, window_before=7, window_after=7),
            PlannedVisit(code="FU1", name="Follow-up 1", day=56, window_before=7, window_after=7),
            PlannedVisit(code="FU2", name="Follow-up 2", day=112, window_before=7, window_after=7),
        ),
    )


def code(index: int) -> str:
    return f"7K3M-{index:04d}"


def visit(name: str, *, day: int, change: Decimal | None, overall: str) -> Visit:
    total = None if change is None else Decimal("80.0") * (100 + change) / 100
    return Visit(
        code=name,
        day=day,
        is_day_planned=False,
        sum_mm=None if total is None else total.quantize(Decimal("0.1")),
        nadir_mm=Decimal("80.0"),
        change_pct=change,
        target="" if overall == "BASELINE" else overall,
        non_target="" if overall == "BASELINE" else "NON-CR/NON-PD",
        new_lesion=overall == "PD",
        overall=overall,
        explanation="Target row 5: the sum of 28.8 mm is at least 30 % below the baseline of 80 mm: PR. "
        "Non-target lesions: still present: NT01: NON-CR/NON-PD. "
        "Overall row 7: target PR and no progression elsewhere: PR.",
        criteria_version="recist11-1",
        input_sha256="a" * 64,
        read_sha256="b" * 64,
    )


def reading(index: int, *, reader: str = "Reader 1") -> Reading:
    change, best = _CHANGES[index % 6], _BESTS[index % 6]
    baseline = visit("BL", day=-1, change=None, overall="BASELINE")
    return Reading(
        subject=code(index),
        site=f"{index % 2 + 1:02d}",
        reader=reader,
        best=Best(
            value=best,
            explanation="PR at visit FU1, confirmed at visit FU2, 56 days later: PR.",
            charter_version=2,
            criteria_version="recist11-1",
            input_sha256="a" * 64,
        ),
        visits=(
            baseline,
            visit("FU1", day=55 + index % 3, change=change / 2, overall="SD"),
            visit("FU2", day=111 + index % 4, change=change, overall=best),
        ),
    )


def contents(count: int = 6, *, readings: tuple[Reading, ...] | None = None, title: str = "Ice & fire") -> Contents:
    told = tuple(reading(index) for index in range(count)) if readings is None else readings
    return Contents(
        format=FORMAT,
        number=3,
        frozen_at=AT,
        cut_off=dt.date(2026, 3, 1),
        trial=TrialFacts(code="TUNDRA", title=title, protocol_number="TUNDRA-001", sponsor="Northlight"),
        charter=charter(),
        counts=Counts(registered=count + 2, reported=count, unread=1, excluded=1, withdrawn=1, locked_reads=count * 3),
        methods=describe(charter()),
        readings=told,
        volumes=(
            Volume(
                subject=code(0),
                time_point="FU1",
                label="Liver lesion",
                voxels=1200,
                volume_ml=Decimal("9.6000"),
                longest_axial_mm=Decimal("31.2"),
                short_axis_mm=None,
                software=(Version(name="corelab", version="0.1.0"),),
                input_sha256="d" * 64,
            ),
        ),
        unread=(code(900),),
        withdrawn=(Withdrawal(subject=code(901), on=dt.date(2026, 2, 14)),),
        excluded=(Exclusion(subject=code(901), reason="consent was withdrawn"),),
        software=(Version(name="Corelab", version="0.1.0"),),
        audit=AuditHead(sequence=417, hash="f" * 64),
    )
