"""Clean Descriptors (PS3.15 E.3.6): of a free text only recognised words and small numbers stay, never the person's."""

import re

from deid.person import Person, fold_text, plain_text
from deid.vocabulary import vocabulary

# Both begin where a word begins, or a long one would be searched from each of its letters.
_ADDRESS = re.compile(r"(?<!\S)\S*@\S*|(?<!\S)\S+://\S+|www\.\S+", re.IGNORECASE)
# Five digits and more, however they are cut up: a telephone, an identifier, a day.
_LONG_NUMBER = re.compile(r"(?<!\w)\w*\d(?:[\W_]{0,3}\d){4,}\w*")
# Ages over 89 are themselves an identifier (45 CFR 164.514 (b)(2)(i)(C)).
_OLD_AGE = re.compile(
    r"(?<!\d)(?:9\d|1[0-3]\d)[\s_-]{0,2}(?:y|yo|yrs?|years?|j|jahre?|a[nñ]os?|ans|anni|jaar)(?![^\W_])"
    r"|(?<![^\W_])(?:aged?|alter|edad|leeftijd|[aâ]ge|et[aà])[\W_]{0,3}(?:9\d|1[0-3]\d)(?!\d)",
    re.IGNORECASE,
)
# A pitch, as GE writes it ("n.nnn:1", PS3.15 Table E.3.10-1): no telephone is this short.
_RATIO = re.compile(r"\d\.\d{1,4}:1")
_TOKEN = re.compile(r"[^\W_]+")
_RUNS = re.compile(r"[a-z]+|\d+")
_PUNCTUATION = re.compile(r"[^A-Za-z0-9 +\-/.,()]")
_SPACES = re.compile(r"[\s]+")
_EMPTY_BRACKETS = re.compile(r"\([^A-Za-z0-9()]*\)")
_SHORT_WORD, _LONGEST_NUMBER = 2, 3


def clean_text(text: str, *, person: Person, words: frozenset[str] = frozenset()) -> tuple[str, str]:
    """Return what may stay of one value, in ASCII, and the words that were taken out; `words` are the trial's own.

    What stays is looked at until nothing changes: where a word went, numbers may have come together.
    """
    if _RATIO.fullmatch(text):
        return text, ""
    before, (kept, gone) = text, _clean_once(text, person, words)
    taken = [gone]
    while kept not in {before, ""}:
        before, (kept, gone) = kept, _clean_once(kept, person, words)
        taken.append(gone)
    return kept, " ".join(filter(None, taken))


def _clean_once(text: str, person: Person, words: frozenset[str]) -> tuple[str, str]:
    gone: list[str] = []

    def judge(token: re.Match[str]) -> str:
        if _is_recognised(token[0], person, words):
            return plain_text(token[0])
        gone.append(token[0])
        return ""

    def take(found: re.Match[str]) -> str:
        gone.append(found[0])
        return " "

    bare = _OLD_AGE.sub(take, _LONG_NUMBER.sub(take, _ADDRESS.sub(take, text)))
    kept = _EMPTY_BRACKETS.sub("", _PUNCTUATION.sub(" ", _TOKEN.sub(judge, bare)))
    kept = _SPACES.sub(" ", kept).rstrip(" -/.,+(").lstrip(" -/.,+)")
    return (kept if any(map(str.isalnum, kept)) else ""), " ".join(gone)


def _is_recognised(token: str, person: Person, words: frozenset[str]) -> bool:
    folded = fold_text(token)
    if not folded.isascii():
        return False
    return folded not in person.words and all(_is_known(run, person, words) for run in _RUNS.findall(folded))


def _is_known(run: str, person: Person, words: frozenset[str]) -> bool:
    if run.isdigit():
        return len(run) <= _LONGEST_NUMBER and run not in person.numbers
    is_short = len(run) <= _SHORT_WORD
    is_listed = run in vocabulary().short if is_short else (run in vocabulary().harmless or run in words)
    return is_listed and run not in person.words
