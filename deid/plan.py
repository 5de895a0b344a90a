"""Decides what happens to an attribute, by kind of object and place in it (PS3.15 annex E)."""

import functools
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from deid.dictionary import allowed_vrs
from deid.elements import TEXT_VRS
from deid.model import Policy, Rejected, Rejection
from deid.tables import Row, objects, rows
from deid.vocabulary import vocabulary

CONTENT_SEQUENCE = 0x0040A730
AGE, SEX = 0x00101010, 0x00100040
CHARACTERISTICS = frozenset({AGE, SEX, 0x00101020, 0x00101030, 0x001021A0, 0x001021C0})
NUMBERS = frozenset({"US", "SS", "UL", "SL", "FL", "FD", "SV", "UV", "AT"})
BINARIES = frozenset({"OB", "OW", "OF", "OD", "OL", "OV"})
_GONE_GROUPS = frozenset({0x0000, 0x0002, 0x0004, 0x0006, 0x0012, 0x4FFE, 0xFFFA, 0xFFFC})
_TEMPORAL = frozenset({"DA", "DT", "TM"})


class Deed(StrEnum):
    """What is done to one attribute; the words under which actions are counted."""

    KEEP = "kept"
    CHECK_TERM = "term checked"
    CHECK_TEXT = "text checked"
    CHECK_NUMBER = "number checked"
    CHECK_TIME = "time checked"
    SHIFT = "date shifted"
    MAP = "uid mapped"
    RECURSE = "sequence cleaned"
    EMPTY = "emptied"
    DUMMY = "replaced"
    REMOVE = "removed"
    CAP_AGE = "age capped"


class Need(IntEnum):
    """How badly the object needs the attribute: type 1, 2 or 3."""

    VALUE = 1
    PRESENCE = 2
    NOTHING = 3


Place = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """The decision for one attribute at one place."""

    deed: Deed
    need: Need
    vr: str
    place: Place
    is_conditional: bool = False


_WHOLE_MODULE = "X!"
_STRICTNESS = ("1", "1C", "2", "2C", "3")


class Plan:
    """The decisions of one policy for one kind of object; grows only by the attributes that occur."""

    def __init__(self, *, iod: str, policy: Policy) -> None:
        self._policy = policy
        self._nodes = objects().nodes
        self.root: Place = objects().roots[iod]
        self.modules = objects().modules[iod]
        self._rules: dict[tuple[Place, int], Rule] = {}

    def rule(self, place: Place, tag: int) -> Rule:
        """Return the rule for a tag at a place."""
        known = self._rules.get((place, tag))
        if known is None:
            known = self._decide(place, tag)
            if len(self._rules) < 50_000:  # noqa: PLR2004  hostile files must not grow the process
                self._rules[place, tag] = known
        return known

    def _decide(self, place: Place, tag: int) -> Rule:
        kind, inner = self._look_up(place, tag)
        vrs = allowed_vrs(tag)
        vr = vrs[0] if vrs else "UN"
        need = _need(kind)
        if _is_gone(tag) or not vrs:
            return Rule(Deed.REMOVE, Need.NOTHING, vr, inner)
        row = rows().get(tag)
        deed = self._by_row(row, tag, vr, kind) if row else self._by_vr(tag, vr, kind)
        return Rule(deed, need, vr, inner, is_conditional=bool(kind and kind.endswith("C")))

    def _look_up(self, place: Place, tag: int) -> tuple[str | None, Place]:
        """Return the strictest type over all modules here (None when unknown) and the inner place."""
        found = [self._nodes[node][tag] for node in place if tag in self._nodes[node]]
        inner = tuple(sorted({attribute.child for attribute in found if attribute.child >= 0}))
        if tag == CONTENT_SEQUENCE and not inner and place != self.root:
            return "1C", place  # the module tables stop at some level; a content tree repeats itself
        if not found:
            return ("3" if tag in vocabulary().extras and place == self.root else None), inner
        return min((attribute.type for attribute in found), key=_STRICTNESS.index), inner

    def _by_row(self, row: Row, tag: int, vr: str, kind: str | None) -> Deed:
        if self._is_retained(row, tag):
            return _keep(tag, vr)
        if row.action == "U":
            return Deed.MAP if vr == "UI" else Deed.REMOVE
        if kind is None:
            return Deed.REMOVE
        if row.is_shifted and vr in _TEMPORAL:
            return _keep(tag, vr)
        is_cleaned_inside = row.action == "X/Z/U*" or tag == CONTENT_SEQUENCE
        return Deed.RECURSE if is_cleaned_inside else _compound(row.action, kind, vr)

    def _is_retained(self, row: Row, tag: int) -> bool:
        """Whether the patient characteristics option keeps it (only what is a number or a code)."""
        allowed = self._policy.retain_patient_characteristics
        return allowed and row.is_characteristic and tag in CHARACTERISTICS

    def _by_vr(self, tag: int, vr: str, kind: str | None) -> Deed:
        if kind is None:
            return Deed.REMOVE
        if vr in TEXT_VRS:
            return Deed.CHECK_TEXT if tag in vocabulary().families else _deny(kind)
        if vr in BINARIES:
            return Deed.KEEP if tag in vocabulary().binaries else Deed.REMOVE
        return _keep(tag, vr)


def _is_gone(tag: int) -> bool:
    """Whether a tag never survives: private, meta, directory, curve, overlay, signature, length, padding."""
    group = tag >> 16
    is_plane = 0x5000 <= group <= 0x50FF or 0x6000 <= group <= 0x60FF  # noqa: PLR2004  curves and overlays
    return bool(group & 1) or group in _GONE_GROUPS or is_plane or tag & 0xFFFF == 0


def _need(kind: str | None) -> Need:
    return Need(int(kind[0])) if kind else Need.NOTHING


def _keep(tag: int, vr: str) -> Deed:
    if tag == AGE:
        return Deed.CAP_AGE
    if vr in NUMBERS:
        return Deed.KEEP
    checked = {
        "SQ": Deed.RECURSE, "UI": Deed.MAP, "DA": Deed.SHIFT, "DT": Deed.SHIFT, "TM": Deed.CHECK_TIME,
        "CS": Deed.CHECK_TERM, "IS": Deed.CHECK_NUMBER, "DS": Deed.CHECK_NUMBER,
    }  # fmt: skip
    return checked.get(vr, Deed.REMOVE)


def _deny(kind: str) -> Deed:
    return {Need.VALUE: Deed.DUMMY, Need.PRESENCE: Deed.EMPTY, Need.NOTHING: Deed.REMOVE}[_need(kind)]


def _compound(action: str, kind: str, vr: str) -> Deed:
    """Resolve a cell such as X/Z/D by type: 1 wants D, 2 wants Z, 3 wants X; else the next one offered.

    A bare X or Z where the object cannot do without becomes what keeps it valid without keeping the value.
    A sequence that is to be replaced keeps its items, each cleaned by these same rules.
    """
    if action == _WHOLE_MODULE:
        return Deed.REMOVE
    offered = action.split("/")
    wanted = {Need.VALUE: "DZX", Need.PRESENCE: "ZDX", Need.NOTHING: "XZD"}[_need(kind)]
    chosen = next(letter for letter in wanted if letter in offered)
    if (chosen == "X" and kind in {"1", "2"}) or (chosen == "Z" and kind in {"1", "1C"}):
        return Deed.RECURSE if vr == "SQ" else _deny(kind)
    if chosen == "D":
        return Deed.RECURSE if vr == "SQ" else Deed.DUMMY
    return Deed.EMPTY if chosen == "Z" else Deed.REMOVE


@functools.lru_cache(maxsize=256)
def plan_for(sop_class_uid: str, policy: Policy) -> Plan:
    """Return the (cached) plan of a SOP class; raises Rejected for a class the tables do not know."""
    iod = objects().iods.get(sop_class_uid)
    if iod is None or iod not in objects().roots:
        raise Rejected(
            Rejection.UNKNOWN_OBJECT,
            "This kind of DICOM object is not known, so it cannot be cleaned safely. "
            "It was not let through. "
            "Please send the images themselves, without vendor-specific extra files.",
        )
    return Plan(iod=iod, policy=policy)
