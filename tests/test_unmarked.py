"""Whatever a person reads goes through gettext: texts of templates, sentences of scripts, labels and refusals of modules."""

import ast
import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "config/static/corelab").rglob("*.js"))


class Texts(HTMLParser):
    """What a person reads or hears of a page: texts between tags, and attributes that speak."""

    SPEAKING = re.compile(r"title|alt|placeholder|aria-label|aria-description|data-word\w*")

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts += [value or "" for name, value in attrs if self.SPEAKING.fullmatch(name)]


# The same in every language.
_NAMES = re.compile(r"UTC|SHA-256|Corelab|DICOM|\bmm\b")
_MARKED = re.compile(
    r"{%\s*block page_class\b.*?{%\s*endblock[^%]*%}|{%\s*blocktranslate\b.*?{%\s*endblocktranslate\s*%}|{%\s*comment.*?endcomment\s*%}|{#.*?#}",
    re.DOTALL,
)


def unmarked(page: str) -> list[str]:
    """The texts of a template that no translator ever sees."""
    bare = re.sub(r"{%.*?%}|{{.*?}}", "", _MARKED.sub("", page), flags=re.DOTALL)
    reader = Texts()
    reader.feed(bare)
    return [text.strip() for text in reader.texts if re.search(r"[A-Za-z]{2,}", _NAMES.sub("", unescape(text)))]


@pytest.mark.req("R-WORDS-04")
def test_every_text_of_a_template_goes_through_gettext() -> None:
    assert unmarked('<p title="Two words">{% translate "marked" %} bare</p>') == ["Two words", "bare"]
    found = {path.name: texts for path in TEMPLATES if (texts := unmarked(path.read_text()))}
    assert found == {}


# A text that begins like a sentence, outside of a call that translates it.
_SENTENCE = re.compile(r"""(?<![\w$])(\w*)\(?\s*(["'`])([A-Z][a-z]+ [a-z][^"'`]*)\2""")


def unspoken(script: str) -> list[str]:
    code = re.sub(r"^\s*//.*$|/\*.*?\*/", "", script, flags=re.MULTILINE | re.DOTALL)
    translated = {"gettext", "ngettext", "pgettext"}
    plural = re.compile(r"ngettext\([^)]*\)", re.DOTALL)
    return [found[3] for found in _SENTENCE.finditer(plural.sub("", code)) if found[1] not in translated]


@pytest.mark.req("R-WORDS-04")
def test_no_script_of_ours_says_a_sentence_that_was_not_translated() -> None:
    assert unspoken('say("Slice one of two"); say(gettext("Slice one of two"));') == ["Slice one of two"]
    found = {path.name: texts for path in SCRIPTS if (texts := unspoken(path.read_text()))}
    assert found == {}


_SAYS = {"label", "help_text", "heading", "submit", "after", "verbose_name"}
_REFUSES = re.compile(r"(.*\.)?(ValidationError|PermissionDenied|add_error)|messages\..*")
# Whom only machines and developers hear; papers that leave the house are English (decision 0033).
_ENGLISH = (
    "dicom_node",
    "management",
    "migrations",
    "demo",
    "privacy/services/certificates",
    "privacy/services/readable",
)


def untold(path: Path) -> Iterator[str]:
    """Yield each literal that a module shows to a person without gettext: labels, refusals, messages."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        parts = node.args if _REFUSES.fullmatch(ast.unparse(node.func)) else []
        for each in [*parts, *(named.value for named in node.keywords if named.arg in _SAYS)]:
            is_text = isinstance(each, ast.Constant) and isinstance(each.value, str) and " " in each.value
            if is_text or isinstance(each, ast.JoinedStr):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {ast.unparse(each)}"


@pytest.mark.req("R-WORDS-04")
def test_no_label_message_or_refusal_of_a_module_passes_gettext_by() -> None:
    rooms = ("config", "trials", "imaging", "endpoints", "reports", "identity", "privacy")
    paths = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    seen = [path for path in paths if not any(part in path.as_posix() for part in _ENGLISH)]
    assert [line for path in seen for line in untold(path)] == []
