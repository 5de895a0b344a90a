"""Edit checks on the choice of lesions at baseline: what RECIST 1.1 lets a reader follow, and how."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

MAX_TARGETS = 5
MAX_PER_ORGAN = 2
MIN_LESION_MM = Decimal(10)
MIN_XRAY_MM = Decimal(20)
MIN_NODE_MM = Decimal(15)
PATHOLOGICAL_NODE_MM = Decimal(10)
THIN_SLICE_MM = Decimal(5)
MAX_DAYS_BEFORE_START = 28
NODES = "lymph nodes"
_SIDES_AND_LOBES = frozenset(
    {"left", "right", "bilateral", "both", "l", "r", "upper", "middle", "lower", "lobe", "lobes"}
)


class Method(StrEnum):
    """How a lesion is measured."""

    CT = "ct"
    MRI = "mri"
    CALIPER = "caliper"
    CHEST_XRAY = "chest-xray"


class LesionKind(StrEnum):
    """What decides whether a lesion can be measured at all (RECIST 1.1 sections 3.1.1 to 3.1.3)."""

    SOLID = "solid"
    NODE = "node"
    BONE_WITH_SOFT_TISSUE = "bone-with-soft-tissue"  # lytic or mixed, measurable soft tissue part
    BONE = "bone"  # lytic or mixed without soft tissue, or blastic
    NEVER_MEASURABLE = "never-measurable"  # ascites, effusion, leptomeningeal, lymphangitic, ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineTarget:
    """A lesion chosen as target; `diameter_mm` is the short axis for a node, else the longest diameter."""

    label: str
    organ: str
    kind: LesionKind
    diameter_mm: Decimal
    method: Method = Method.CT
    slice_thickness_mm: Decimal | None = None
    is_irradiated: bool = False
    has_progressed_since_irradiation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineNonTarget:
    """A lesion followed without measuring; the short axis matters for nodes only."""

    label: str
    is_node: bool = False
    short_axis_mm: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One broken rule: a stable code, a sentence for the reader, the rule's place; label if one lesion."""

    code: str
    sentence: str
    rule: str
    label: str | None = None


def check_baseline(
    targets: Sequence[BaselineTarget],
    non_targets: Sequence[BaselineNonTarget] = (),
    *,
    days_before_start: int | None = None,
) -> tuple[Finding, ...]:
    """Return every broken baseline rule, none if all are kept (RECIST 1.1 sections 3.1, 3.2 and 4.1)."""
    return (
        *_check_labels([*(target.label for target in targets), *(lesion.label for lesion in non_targets)]),
        *_check_numbers(targets),
        *(finding for target in targets for finding in _check_target(target)),
        *(finding for lesion in non_targets for finding in _check_non_target(lesion)),
        *_check_scan_day(days_before_start),
    )


def name_organ(lesion: BaselineTarget) -> str:
    """Return the organ a target counts for: all nodes are one organ, sides and lobes of one organ are one."""
    if lesion.kind is LesionKind.NODE:
        return NODES
    words = re.findall(r"[^\W\d_]+", lesion.organ.casefold())
    kept = sorted(_singular(word) for word in words if word not in _SIDES_AND_LOBES)
    return " ".join(kept) or lesion.organ.casefold()


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is", "as")) else word


def _check_labels(labels: Iterable[str]) -> Iterator[Finding]:
    for label, count in Counter(labels).items():
        if count > 1:
            yield Finding(
                code="duplicate-lesion",
                label=label,
                sentence=f"Lesion {label} is listed {count} times. Keep one or give the others a label.",
                rule="RECIST 1.1 section 4.1",
            )


def _check_numbers(targets: Sequence[BaselineTarget]) -> Iterator[Finding]:
    if len(targets) > MAX_TARGETS:
        yield Finding(
            code="too-many-targets",
            sentence=f"{len(targets)} target lesions are chosen, at most {MAX_TARGETS} are allowed. "
            "Follow the others as non-target lesions.",
            rule="RECIST 1.1 section 4.1",
        )
    for organ, count in Counter(name_organ(target) for target in targets).items():
        if count > MAX_PER_ORGAN:
            yield Finding(
                code="too-many-in-organ",
                sentence=f"{count} target lesions lie in one organ ({organ}), at most {MAX_PER_ORGAN} are "
                "allowed; both sides of a paired organ and all lymph nodes count as one. "
                "Follow the others as non-target lesions.",
                rule="RECIST 1.1 section 4.1",
            )


def _check_target(target: BaselineTarget) -> Iterator[Finding]:
    if target.kind in {LesionKind.BONE, LesionKind.NEVER_MEASURABLE}:
        yield _refuse(target, "not-measurable", "is of a kind that cannot be measured", "3.1.2 and 3.1.3")
    elif target.kind is LesionKind.NODE:
        yield from _check_node(target)
    else:
        yield from _check_size(target)
    if target.is_irradiated and not target.has_progressed_since_irradiation:
        yield _refuse(target, "irradiated", "was irradiated and has not been shown to progress since", "3.1.3")


def _check_node(node: BaselineTarget) -> Iterator[Finding]:
    if node.diameter_mm < PATHOLOGICAL_NODE_MM:
        yield Finding(
            code="normal-node",
            label=node.label,
            sentence=f"Lymph node {node.label} has a short axis of {node.diameter_mm} mm, below 10 mm. "
            "It is normal and is not recorded.",
            rule="RECIST 1.1 section 3.1.2",
        )
    elif node.diameter_mm < MIN_NODE_MM:
        yield _refuse(
            node,
            "node-too-small",
            f"has a short axis of {node.diameter_mm} mm, below 15 mm, and is pathological but no target",
            "3.1.2",
        )


def _check_size(target: BaselineTarget) -> Iterator[Finding]:
    if target.method in {Method.CT, Method.MRI} and target.slice_thickness_mm is None:
        yield Finding(
            code="slice-thickness-unknown",
            label=target.label,
            sentence=f"The slice thickness for lesion {target.label} is not known, so it cannot be checked "
            "whether the lesion is large enough to be measured. Enter the thickness.",
            rule="RECIST 1.1 section 3.1.1",
        )
    if target.diameter_mm < minimum_mm(target):
        yield _refuse(
            target,
            "too-small",
            f"measures {target.diameter_mm} mm and needs at least {minimum_mm(target)} mm here",
            "3.1.1",
        )


def minimum_mm(target: BaselineTarget) -> Decimal:
    """Return the smallest measurable diameter of a non-nodal lesion in mm (RECIST 1.1 section 3.1.1)."""
    if target.method is Method.CHEST_XRAY:
        return MIN_XRAY_MM
    thickness = target.slice_thickness_mm
    if target.method is Method.CALIPER or thickness is None or thickness <= THIN_SLICE_MM:
        return MIN_LESION_MM
    return 2 * thickness


def _check_non_target(lesion: BaselineNonTarget) -> Iterator[Finding]:
    if lesion.is_node and lesion.short_axis_mm is not None and lesion.short_axis_mm < PATHOLOGICAL_NODE_MM:
        yield Finding(
            code="normal-node",
            label=lesion.label,
            sentence=f"Lymph node {lesion.label} has a short axis of {lesion.short_axis_mm} mm, below 10 mm. "
            "It is normal and is not recorded.",
            rule="RECIST 1.1 section 3.1.2",
        )


def _check_scan_day(days_before_start: int | None) -> Iterator[Finding]:
    if days_before_start is not None and days_before_start > MAX_DAYS_BEFORE_START:
        yield Finding(
            code="baseline-too-early",
            sentence=f"The baseline scan was made {days_before_start} days before the start of treatment, "
            f"at most {MAX_DAYS_BEFORE_START} are allowed.",
            rule="RECIST 1.1 section 4.1",
        )


def _refuse(target: BaselineTarget, code: str, words: str, section: str) -> Finding:
    return Finding(
        code=code,
        label=target.label,
        sentence=f"Lesion {target.label} {words}. Follow it as a non-target lesion.",
        rule=f"RECIST 1.1 section {section}",
    )
