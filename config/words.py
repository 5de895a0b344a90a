"""The catalogs of our sentences: extracted from the sources by whoever develops, compiled wherever Corelab runs.

Babel does both, so that neither needs a program beside Python (decision 0033).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir, extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation import templatize

from config import speaking

# The language of the sources has no catalog.
TRANSLATED = ("es", "nl")
ROOMS = ("audit", "config", "deid", "endpoints", "identity", "imaging", "privacy", "reports", "trials")
_CONTEXT_FIRST = ((1, "c"), 2)
_HEADING = "# Corelab in another language. Words are agreed in docs/words.md; `make words` takes in new sentences."
# A sentence may stand within a `${…}` of a script.
_OPTIONS = {"**.js": {"parse_template_string": "true"}}
_KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("_", "__", "gettext", "gettext_lazy", "gettext_noop"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), _CONTEXT_FIRST),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}


def extract_template(source: BinaryIO, keywords: Any, tags: Any, options: Any) -> Iterator[Any]:
    """Yield the sentences of a Django template, for Babel: Django makes calls of its tags, Babel's tokens find them."""
    calls = templatize(source.read().decode())
    # In brackets: what is left of a page keeps no rules of indentation.
    return extract_python(BytesIO(f"({calls}\n)".encode()), keywords, tags, options | {"encoding": "utf-8"})


@dataclass(frozen=True, slots=True)
class Domain:
    """One catalog a language: where its sentences stand, below the root of the sources."""

    name: str
    places: tuple[tuple[str, Any], ...]
    folders: tuple[str, ...]
    pieces: tuple[str, ...] = ()


DOMAINS = (
    Domain(
        "django",
        (("migrations/**", "ignore"), ("**.py", "python"), ("**.html", extract_template)),
        (*ROOMS, "templates"),
    ),
    Domain("djangojs", (("**.js", "javascript"),), ("config/static/corelab",)),
    Domain("told", tuple((place, speaking.extract) for place in speaking.SPEAKING), ("",), speaking.PIECES),
)


def extracted(root: Path, domain: Domain) -> Catalog:
    """Return every sentence of a domain as the sources below `root` have it now."""
    found = Catalog(charset="utf-8")
    for piece in domain.pieces:
        found.add(piece)
    for folder in domain.folders:
        told = extract_from_dir(
            root / folder, list(domain.places), options_map=_OPTIONS, keywords=_KEYWORDS, directory_filter=None
        )
        for file, _line, sentence, comments, context in told:
            place = (Path(folder) / file).as_posix()
            found.add(sentence, None, [(place, 0)], auto_comments=comments, context=context)
    return found


def path_of(words: Path, language: str, domain: Domain, ending: str = "po") -> Path:
    return words / language / "LC_MESSAGES" / f"{domain.name}.{ending}"


def read(path: Path, language: str) -> Catalog:
    """Return the catalog in a file; an empty one where there is none yet."""
    if not path.exists():
        return Catalog(
            locale=language, project="Corelab", version="0", charset="utf-8", header_comment=_HEADING, fuzzy=False
        )
    with path.open("rb") as source:
        return read_po(source, locale=language)


def renew(root: Path, words: Path) -> None:
    """Write the sentences of the sources into every catalog; what is translated stays, what is gone goes."""
    for domain in DOMAINS:
        template = extracted(root, domain)
        for language in TRANSLATED:
            path = path_of(words, language, domain)
            catalog = read(path, language)
            made = catalog.creation_date
            # A guess at a sentence like it would be taken for a translation.
            catalog.update(template, no_fuzzy_matching=True)
            # The day of an extraction is news in every branch, and in none of interest.
            catalog.creation_date = made
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as target:
                write_po(target, catalog, width=110, sort_by_file=True, include_lineno=False, ignore_obsolete=True)


def compile_catalogs(words: Path, target: Path) -> None:
    """Compile every catalog below `words` to below `target`, where Django looks."""
    for domain in DOMAINS:
        for language in TRANSLATED:
            path = path_of(target, language, domain, "mo")
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as compiled:
                write_mo(compiled, cast("Catalog", _Numbered(read(path_of(words, language, domain), language))))


class _Numbered:
    """A catalog to be compiled, with the singular of each word that has a plural as a word of its own, too.

    Debian 12's Python (3.11.2) finds such a word by number only: a page that names it alone would say it in English.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalog, name)

    def __iter__(self) -> Iterator[Message]:
        for message in self._catalog:
            yield message
            if message.pluralizable and message.string:
                yield Message(message.id[0], message.string[0], context=message.context)
