"""Decides what happens to an attribute, by kind of object and place in it (PS3.15 annex E)."""

import functools
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from deid.choices import KEEPABLE_VRS, REPLACEABLE_VRS, Choices, TagAction
from deid.dictionary import allowed_vrs
from deid.elements import TEXT_VRS
from deid.model import Policy, Rejected, Rejection
from deid.options import COLUMNS, DATES, Option
from deid.tables import Row, objects, rows
from deid.vocabulary import vocabulary

CONTENT_SEQUENCE = 0x0040A730
AGE, SEX = 0x00101010, 0x00100040
CHARACTERISTICS = frozenset({AGE, SEX, 0x00101020, 0x00101030, 0x001021A0, 0x001021C0})
NUMBERS = frozenset({"US", "SS", "UL", "SL", "FL", "FD", "SV", "UV", "AT"})
BINARIES = frozenset({"OB", "OW", "OF", "OD", "OL", "OV"})
_GONE_GROUPS = frozenset({0x0000, 0x0002, 0x0004, 0x0006, 0x0012, 0x4FFE, 0xFFFA, 0xFFFC})
_TEMPORAL = frozenset({"DA", "DT", "TM"})
_DESCRIBING = frozenset({"LO", "SH", "ST", "LT", "UC", "UT"})
_TIME_ZONE = 0x00080201  # Timezone Offset From UTC, a moment's part that is written as SH


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
    CHECK_DATE = "date checked"
    CHECK_UID = "uid checked"
    CLEAN_TEXT = "text cleaned"
    KEEP_TEXT = "text kept"


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


_SOP_CLASS = 0x00080016
# What every picture may hold, whatever made it: the plan of a kind that no table knows.
GENERIC_MODULES = frozenset(
    {
        "sop-common", "patient", "patient-study", "general-study", "general-series", "general-equipment",
        "frame-of-reference", "general-acquisition", "general-image", "image-plane", "image-pixel", "multi-frame",
        "voi-lut", "modality-lut", "palette-color-lookup-table",
    }
)  # fmt: skip
# Arcs of the standard (classes younger than our tables, or retired) and of makers of scanners.
_KNOWN_ARCS = (
    "1.2.840.10008.", "1.3.12.2.1107.", "1.2.840.113619.", "1.3.46.670589.", "1.2.392.200036.", "1.2.392.200039.",
)  # fmt: skip
_WHOLE_MODULE = "X!"
_STRICTNESS = ("1", "1C", "2", "2C", "3")


class Plan:
    """The decisions of one policy for one kind of object; grows only by the attributes that occur."""

    def __init__(self, *, iod: str, policy: Choices) -> None:
        self._options = policy.options
        self.retains_private = Option.RETAIN_SAFE_PRIVATE in policy.options
        self.words = policy.words
        self._tag_rules = {rule.tag: rule.action for rule in policy.tag_rules}
        self._nodes = objects().nodes
        # "" is the generic plan of a kind that no table knows.
        self.is_generic = not iod
        self.root: Place = objects().roots[iod] if iod else _generic_root()
        self.modules = objects().modules[iod] if iod else GENERIC_MODULES
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
        if is_gone(tag) or not vrs:
            return Rule(Deed.REMOVE, Need.NOTHING, vr, inner)
        row = rows().get(tag)
        deed = self._by_tag(row, tag, vr, kind)
        if deed is None:
            deed = self._by_row(row, tag, vr, kind) if row else self._by_vr(tag, vr, kind)
        return Rule(deed, need, vr, inner, is_conditional=bool(kind and kind.endswith("C")))

    def type_of(self, place: Place, tag: int) -> str | None:
        """Return the type (1, 1C, 2, 2C, 3) of an attribute at a place, None where this kind of object has none."""
        return self._look_up(place, tag)[0]

    def _look_up(self, place: Place, tag: int) -> tuple[str | None, Place]:
        """Return the strictest type over all modules here (None when unknown) and the inner place."""
        found = [self._nodes[node][tag] for node in place if tag in self._nodes[node]]
        inner = tuple(sorted({attribute.child for attribute in found if attribute.child >= 0}))
        if tag == CONTENT_SEQUENCE and not inner and place != self.root:
            return "1C", place  # the module tables stop at some level; a content tree repeats itself
        if not found:
            return ("3" if tag in vocabulary().extras and place == self.root else None), inner
        return min((attribute.type for attribute in found), key=_STRICTNESS.index), inner

    def _by_tag(self, row: Row | None, tag: int, vr: str, kind: str | None) -> Deed | None:
        """Return what the trial decided for this attribute, None where it said nothing that can be executed.

        Nothing is kept that the table rules on, and nothing taken that would make a picture false or unreadable.
        """
        action = self._tag_rules.get(tag)
        if self.is_generic and tag == _SOP_CLASS:
            return Deed.CHECK_UID  # of a known vendor (plan_for): it names a kind of object, not an object
        if action is TagAction.KEEP and row is None and vr in KEEPABLE_VRS:
            is_free = vr in TEXT_VRS and tag not in vocabulary().families
            return Deed.CLEAN_TEXT if is_free else self._by_vr(tag, vr, kind or "3")
        if action is TagAction.REMOVE and (vr in REPLACEABLE_VRS or _need(kind) is not Need.VALUE):
            return _deny(kind or "3")
        return None

    def _by_row(self, row: Row, tag: int, vr: str, kind: str | None) -> Deed:
        chosen = self._by_option(row, tag, vr, kind)
        if chosen is not None:
            return chosen
        if row.action == "U":
            return self._for_uid() if vr == "UI" else Deed.REMOVE
        if row.action == "X/Z/U*":
            return Deed.RECURSE
        if kind is None or tag == CONTENT_SEQUENCE:
            return Deed.REMOVE
        deed = _compound(row.action, kind, vr)
        return self._for_uid() if deed is Deed.DUMMY and vr == "UI" else deed  # a stand-in is a UID, too

    def _by_option(self, row: Row, tag: int, vr: str, kind: str | None) -> Deed | None:
        """Return what the first option with a cell in this row wants done, None where no chosen option has one."""
        for option in (each for each in Option if each in self._options):
            column = COLUMNS[option]
            if column.keep and column.keep in row.letters:
                deed = self._kept(option, tag, vr)
            elif column.clean and column.clean in row.letters and (kind is not None or vr in _TEMPORAL):
                deed = self._cleaned(option, tag, vr)
            else:
                continue
            if deed is not None:
                return deed
        return None

    def _kept(self, option: Option, tag: int, vr: str) -> Deed | None:
        """Return how a K cell keeps a value: checked as elsewhere; a text as it stands unless it tells a person."""
        if option is Option.RETAIN_PATIENT_CHARACTERISTICS and tag not in CHARACTERISTICS:
            return Deed.CLEAN_TEXT if vr in TEXT_VRS else self._keep(vr)
        if tag == _TIME_ZONE:
            return Deed.CHECK_TIME
        if option is Option.RETAIN_FULL_DATES and vr not in _TEMPORAL:
            return None
        if vr == "UI":
            return Deed.CHECK_UID
        return Deed.KEEP_TEXT if vr in TEXT_VRS else self._keep(vr)

    def _cleaned(self, option: Option, tag: int, vr: str) -> Deed | None:
        if tag == _TIME_ZONE:
            return Deed.CHECK_TIME
        if option is Option.RETAIN_MODIFIED_DATES:
            return self._keep(vr) if vr in _TEMPORAL else None
        if option is Option.RETAIN_DEVICE_IDENTITY:
            return None  # names of stations and of application entities: nothing tells which part is harmless
        if vr == "SQ":
            return Deed.RECURSE
        return Deed.CLEAN_TEXT if vr in TEXT_VRS else None

    def _by_vr(self, tag: int, vr: str, kind: str | None) -> Deed:
        """Return what is done to what the table leaves; measures and codes stay where no module asks for them, too."""
        if kind is None and (vr in TEXT_VRS or vr in BINARIES):
            return Deed.REMOVE
        kind = kind or "3"
        if vr in TEXT_VRS:
            return Deed.CHECK_TEXT if tag in vocabulary().families else self._for_text(vr, kind)
        if vr in BINARIES:
            return Deed.KEEP if tag in vocabulary().binaries else Deed.REMOVE
        if vr in _TEMPORAL and not self._options & DATES:
            return _deny(kind)
        return self._keep(vr)

    def _for_text(self, vr: str, kind: str) -> Deed:
        """Return what is done to free text that the table does not name: recognised words stay where descriptors do."""
        is_cleaned = Option.CLEAN_DESCRIPTORS in self._options and vr in _DESCRIBING
        return Deed.CLEAN_TEXT if is_cleaned else _deny(kind)

    def private_rule(self, vr: str) -> Rule:
        """Return the rule for a safe private attribute of this VR."""
        deed = Deed.CLEAN_TEXT if vr in TEXT_VRS else self._keep(vr)
        if vr in _TEMPORAL and not self._options & DATES:
            deed = Deed.REMOVE
        return Rule(deed, Need.NOTHING, vr, ())

    def _keep(self, vr: str) -> Deed:
        if vr in NUMBERS:
            return Deed.KEEP
        is_full = Option.RETAIN_FULL_DATES in self._options
        checked = {
            "SQ": Deed.RECURSE, "UI": self._for_uid(), "TM": Deed.CHECK_TIME,
            "DA": Deed.CHECK_DATE if is_full else Deed.SHIFT, "DT": Deed.CHECK_DATE if is_full else Deed.SHIFT,
            "AS": Deed.CAP_AGE, "CS": Deed.CHECK_TERM, "IS": Deed.CHECK_NUMBER, "DS": Deed.CHECK_NUMBER,
        }  # fmt: skip
        return checked.get(vr, Deed.REMOVE)

    def _for_uid(self) -> Deed:
        return Deed.CHECK_UID if Option.RETAIN_UIDS in self._options else Deed.MAP


def is_gone(tag: int) -> bool:
    """Whether a tag never survives: private, meta, directory, curve, overlay, signature, length, padding."""
    group = tag >> 16
    is_plane = 0x5000 <= group <= 0x50FF or 0x6000 <= group <= 0x60FF  # noqa: PLR2004  curves and overlays
    return bool(group & 1) or group in _GONE_GROUPS or is_plane or tag & 0xFFFF == 0


def _need(kind: str | None) -> Need:
    return Need(int(kind[0])) if kind else Need.NOTHING


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


def _generic_root() -> Place:
    return tuple(sorted(objects().module_nodes[name] for name in GENERIC_MODULES))


@functools.lru_cache(maxsize=256)
def plan_for(sop_class_uid: str, policy: Policy) -> Plan:
    """Return the (cached) plan of a SOP class; raises Rejected for a class the tables do not know."""
    iod = objects().iods.get(sop_class_uid)
    if iod is None and policy.admits_unknown and sop_class_uid.startswith(_KNOWN_ARCS):
        return Plan(iod="", policy=policy)
    if iod is None or iod not in objects().roots:
        raise Rejected(
            Rejection.UNKNOWN_OBJECT,
            "This kind of DICOM object is not known, so it cannot be cleaned safely. "
            "It was not let through. "
            "Please send the images themselves, without vendor-specific extra files.",
        )
    return Plan(iod=iod, policy=policy)


def deeds_anywhere(choices: Choices, tag: int) -> frozenset[Deed]:
    """Return what becomes of an attribute in every place of every kind of object that has it."""
    plan = Plan(iod="", policy=choices)
    nodes = [index for index, node in enumerate(objects().nodes) if tag in node]
    return frozenset(plan.rule((index,), tag).deed for index in nodes) or frozenset({plan.rule((), tag).deed})
