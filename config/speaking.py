"""The sentences of the pure parts, read off their syntax: they know no framework, and say English.

What they say is stored as it is, and translated where it is shown (`config.told`): a value in a sentence is a
placeholder {by the last name of its expression}.
"""

import ast
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

# What speaks to people; machines and developers are told in English.
SPEAKING = (
    "deid/burned/blanking.py",
    "deid/burned/cleaning.py",
    "deid/burned/raster.py",
    "deid/cleaning.py",
    "deid/codestreams.py",
    "deid/defacing/booth.py",
    "deid/defacing/comparing.py",
    "deid/defacing/rules.py",
    "deid/engine.py",
    "deid/explain.py",
    "deid/lint.py",
    "deid/parser.py",
    "deid/pixels.py",
    "deid/plan.py",
    "deid/reader.py",
    "deid/residue.py",
    "deid/risk.py",
    "deid/uptake.py",
    "endpoints/criteria/**.py",
    "endpoints/measure/**.py",
    "imaging/fence/calls.py",
    "imaging/fence/volumes.py",
    "imaging/frames/opening.py",
    "imaging/frames/rendering.py",
    "imaging/qc/**.py",
    "imaging/unpacking/refusals.py",
    "imaging/volumes/**.py",
    "reports/inspection.py",
)
# Put together of single words there, or one word alone.
PIECES = (
    "{number} image",
    "{number} images",
    "{number} slice",
    "{number} slices",
    "{number} day",
    "{number} days",
    "{distance} after",
    "{distance} before",
    # What a delivery and a picture call themselves.
    "delivery {number}",
    "Picture {number} of {delivery}",
)
_WORD = re.compile(r"[A-Za-z]{2,}")
PLACE = re.compile(r"\{(\w+)\}")
# A limit that `format_map` fills in.
_FILLED = re.compile(r"\{(\w+)[^}]*\}")
_NAME = re.compile(r"[a-z]\w*", re.IGNORECASE)


def extract(source: BinaryIO, _keywords: Any, _tags: Any, options: Any) -> Iterator[Any]:  # noqa: ARG001  Babel names it
    """Yield the sentences of a module, for Babel: texts of two words or more, and texts around values."""
    for node in _texts(ast.parse(source.read())):
        for sentence in template_of(node).split("|"):
            if is_sentence(sentence):
                yield node.lineno, "gettext", sentence, []


def _texts(node: ast.AST) -> "Iterator[ast.Constant | ast.JoinedStr]":
    """Yield each text of a tree from outside in; what stands alone is a docstring, what names a format no text."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.JoinedStr):
        yield node
        inner = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        for value in inner:
            yield from _texts(value)
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from _texts(child)


def template_of(node: "ast.Constant | ast.JoinedStr") -> str:
    """Return a text as a sentence to translate, its values as {name}."""
    if isinstance(node, ast.Constant):
        return _FILLED.sub(r"{\1}", str(node.value))
    taken: list[str] = []
    return "".join(_part(part, taken) for part in node.values)


def _part(part: ast.expr, taken: list[str]) -> str:
    if not isinstance(part, ast.FormattedValue):
        return str(ast.literal_eval(part))
    names = _NAME.findall(ast.unparse(part.value)) or ["value"]
    taken.append(names[-1].lower())
    count = taken.count(taken[-1])
    return f"{{{taken[-1]}}}" if count == 1 else f"{{{taken[-1]}_{count}}}"


def is_sentence(text: str) -> bool:
    """Whether a person would read this: words with a space between, or words around a value."""
    words = _WORD.findall(PLACE.sub("", text))
    has_lower = any(word.islower() for word in words)
    return has_lower and " " in text and "[" not in text and (len(words) > 1 or bool(PLACE.search(text)))
