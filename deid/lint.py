"""What is wrong with a choice of rules, or odd about it, before anybody signs it: each finding is a sentence."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

from deid import uptake
from deid.choices import KEEPABLE_VRS, REPLACEABLE_VRS, Choices, TagAction, TagRule, usual_vr, written
from deid.dictionary import allowed_vrs
from deid.elements import PIXEL_TAGS, TEXT_VRS
from deid.explain import name_of
from deid.options import COLUMNS, DATES, Option
from deid.plan import Deed, deeds_anywhere, is_gone
from deid.tables import Row, objects, rows
from deid.vocabulary import vocabulary

LONGEST_WORD, SHORTEST_WORD, MOST_WORDS, MOST_TAG_RULES = 32, 3, 500, 200
_STUDY_DATE = 0x00080020
_TAKEN = frozenset({Deed.REMOVE, Deed.EMPTY, Deed.DUMMY})


class Severity(StrEnum):
    """An error keeps a profile from being signed; a warning is for a person to weigh."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    severity: Severity
    sentence: str


def lint(choices: Choices, *, measures_suv: bool, has_defacer: bool = False) -> tuple[Finding, ...]:
    """Return every finding, errors first. Pure: the same choices give the same findings.

    `has_defacer` says whether a program that takes faces out is named where the choices are to be executed.
    """
    errors = [*_option_errors(choices), *_word_errors(choices.words), *_tag_errors(choices)]
    if Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES in choices.options and not has_defacer:
        errors.append(_NO_DEFACER)
    if measures_suv:
        errors.extend(uptake.missing(choices))
    warnings = [*_option_warnings(choices), *_word_warnings(choices), *_tag_warnings(choices)]
    return (
        *(Finding(Severity.ERROR, sentence) for sentence in errors),
        *(Finding(Severity.WARNING, sentence) for sentence in warnings),
    )


def errors_of(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Return the sentences of what keeps a profile from being signed or used."""
    return tuple(finding.sentence for finding in findings if finding.severity is Severity.ERROR)


def _option_errors(choices: Choices) -> Iterator[str]:
    if choices.options >= DATES:
        yield "Dates are either kept in full or moved: choose one of retain-full-dates and retain-modified-dates."


def _option_warnings(choices: Choices) -> Iterator[str]:
    for option in sorted(choices.options):
        if _does_nothing(option, choices):
            yield f"The option {option} does nothing here: every attribute it speaks of is decided otherwise."
        elif option in _WARNINGS:
            yield _WARNINGS[option]
    if Option.CLEAN_PIXEL_DATA not in choices.options:
        yield "Without clean-pixel-data pictures that may carry burned-in text, such as ultrasound, are refused."
    if deeds_anywhere(choices, _STUDY_DATE) & _TAKEN:
        yield "Without the study date nothing can tell on which day of the trial a scan was made."
    if choices.admits_unknown:
        yield (
            "Kinds of objects that the standard's tables do not know are taken where their maker is known and they say "
            "that nothing is burned in; of them only what all pictures have in common is kept."
        )


_NO_DEFACER = (
    "The option clean-recognizable-visual-features asks for a program that takes faces out of pictures, and none is "
    "named here: leave the option out, have the operator name one (CORELAB_DEFACER), or clean at the site with "
    "python -m deid clean --defacer."
)
_WARNINGS = {
    Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES: (
        "With clean-recognizable-visual-features compressed pictures, contours, surfaces, and each series in which the "
        "defacer changes nothing are refused."
    ),
    Option.RETAIN_FULL_DATES: "With retain-full-dates the true days of every examination stay in the images.",
    Option.RETAIN_UIDS: "With retain-uids the hospital can find the person by the identifiers in every image.",
    Option.RETAIN_INSTITUTION_IDENTITY: "With retain-institution-identity the hospital's name stays in the images.",
    Option.RETAIN_DEVICE_IDENTITY: "With retain-device-identity station names and serial numbers stay.",
}


def _does_nothing(option: Option, choices: Choices) -> bool:
    """Whether each cell of the option's column is decided by an earlier option or by a line for the attribute."""
    if option is Option.RETAIN_SAFE_PRIVATE or not COLUMNS[option].name:
        return False  # decided by creator, or no matter of attributes
    taken = {rule.tag for rule in choices.tag_rules if rule.action is TagAction.REMOVE}
    earlier = [each for each in takewhile(lambda each: each is not option, Option) if each in choices.options]
    return all(
        tag in taken or any(_speaks(each, row) for each in earlier)
        for tag, row in rows().items()
        if _speaks(option, row)
    )


def _speaks(option: Option, row: Row) -> bool:
    column = COLUMNS[option]
    return any(letter and letter in row.letters for letter in (column.keep, column.clean))


def _word_errors(words: frozenset[str]) -> Iterator[str]:
    if len(words) > MOST_WORDS:
        yield f"There are more than {MOST_WORDS} words: a list that long is not one that somebody has read."
    for word in sorted(words):
        is_plain = word.isascii() and word.isalpha() and word == word.casefold()
        if not is_plain or not SHORTEST_WORD <= len(word) <= LONGEST_WORD:
            yield f"“{word}” is no word that can be let through: plain letters only, {SHORTEST_WORD} to {LONGEST_WORD}."


def _word_warnings(choices: Choices) -> Iterator[str]:
    if choices.words and not _cleans_text(choices):
        yield "The words do nothing: no description is kept. Choose clean-descriptors, or take them out."
    if known := sorted(choices.words & vocabulary().harmless):
        yield f"These words stay already: {', '.join(known)}."
    if fresh := sorted(choices.words - vocabulary().harmless):
        yield f"These words stay in the descriptions of every subject not named so: {', '.join(fresh)}. Is none a name?"


def _cleans_text(choices: Choices) -> bool:
    """Whether some text is cleaned word by word: of the table, of a line, or of a maker's safe attributes."""
    tags = [*rows(), *(rule.tag for rule in choices.tag_rules)]
    texts = (tag for tag in tags if usual_vr(tag) in TEXT_VRS)
    is_private = Option.RETAIN_SAFE_PRIVATE in choices.options
    return is_private or any(Deed.CLEAN_TEXT in deeds_anywhere(choices, tag) for tag in texts)


def _tag_errors(choices: Choices) -> Iterator[str]:
    if len(choices.tag_rules) > MOST_TAG_RULES:
        yield f"There are more than {MOST_TAG_RULES} lines for single attributes."
    for tag, count in Counter(rule.tag for rule in choices.tag_rules).items():
        if count > 1:
            yield f"{_told(tag)} stands in {count} lines: one attribute, one decision."
    for rule in choices.tag_rules:
        yield from _rule_errors(rule, choices)


def _rule_errors(rule: TagRule, choices: Choices) -> Iterator[str]:
    if not rule.reason.strip():
        yield f"{_told(rule.tag)}: say why it is decided otherwise."
    if rule.tag >> 16 & 1:
        yield f"{_told(rule.tag)} is private: retain-safe-private decides on private attributes as a whole."
    elif not allowed_vrs(rule.tag):
        yield f"{_told(rule.tag)} is no attribute of the standard."
    elif rule.action is TagAction.KEEP:
        yield from _keep_errors(rule.tag, choices)
    elif _is_required(rule.tag):
        yield f"{_told(rule.tag)} cannot be removed: some kind of object is nothing without it."


def _keep_errors(tag: int, choices: Choices) -> Iterator[str]:
    row, allowing = rows().get(tag), _allowing(tag)
    if row is not None and choices.options.isdisjoint(allowing):
        how = f"choose {' or '.join(allowing)} for it" if allowing else "no option of the standard keeps it"
        yield f"{_told(tag)} is ruled by the Basic Profile (“{row.action}”), which a line cannot undo: {how}."
    if row is None and (is_gone(tag) or usual_vr(tag) not in KEEPABLE_VRS):
        yield f"{_told(tag)} cannot be kept: nothing can tell what of it is harmless."


def _allowing(tag: int) -> tuple[Option, ...]:
    """Return the options that speak of an attribute of the table."""
    row = rows().get(tag)
    return tuple(option for option in Option if row and _speaks(option, row))


def _is_required(tag: int) -> bool:
    """Whether some kind of object needs a true value here: a stand-in would be false, an empty one unreadable."""
    if tag in PIXEL_TAGS:
        return True
    types = (node[tag].type for node in objects().nodes if tag in node)
    return usual_vr(tag) not in REPLACEABLE_VRS and any(each.startswith("1") for each in types)


def _tag_warnings(choices: Choices) -> Iterator[str]:
    bare = Choices(options=choices.options, admits_unknown=choices.admits_unknown, words=choices.words)
    for rule in choices.tag_rules:
        if not allowed_vrs(rule.tag):
            continue
        deeds = deeds_anywhere(bare, rule.tag)
        if rule.action is TagAction.REMOVE and deeds <= _TAKEN:
            yield f"{_told(rule.tag)}: the line does nothing, for it goes already from every kind of object."
        is_kept = not deeds & _TAKEN if rule.tag not in rows() else bool(choices.options & set(_allowing(rule.tag)))
        if rule.action is TagAction.KEEP and is_kept:
            yield f"{_told(rule.tag)}: the line does nothing; the options decide on it."


def _told(tag: int) -> str:
    return f"{written(tag)} {name_of(tag)}"
