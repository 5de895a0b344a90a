"""Where no identity and no secret may go by the way the product is built: mails, caches, job arguments, the repository."""

import ast
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests.test_architecture import ROOT, modules, tracked

# Written so that they do not find themselves.
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE K[E]Y-----")
ASSIGNED = re.compile(
    r"""(?i)(?:secret|passw(?:or)?d|token|api_?key|private_?key|encryption_?key)\w*["']?\s*[:=]\s*["']([A-Za-z0-9+/_=-]{24,})["']"""
)
RANDOM_BITS = 4.2


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def users_of(*names: str) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in modules() if any(each.startswith(names) for each in imported(path))]


def bits(text: str) -> float:
    """Shannon's bits a character: words stay below 4, random base64 lies above 4.2."""
    counts = Counter(text)
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())


def secrets_in(text: str) -> list[str]:
    found = [match[0] for match in PRIVATE_KEY.finditer(text)]
    return found + [match[0] for match in ASSIGNED.finditer(text) if bits(match[1]) > RANDOM_BITS]


@pytest.mark.req("R-SEC-12")
def test_the_product_sends_no_mail() -> None:
    assert users_of("django.core.mail", "smtplib", "email.mime") == []
    assert (settings.ADMINS, settings.MANAGERS) == ([], [])


@pytest.mark.req("R-SEC-12")
def test_no_shared_cache_holds_anything_of_ours() -> None:
    assert users_of("django.core.cache", "django.views.decorators.cache.cache_page") == []
    assert {told["BACKEND"] for told in settings.CACHES.values()} == {"django.core.cache.backends.locmem.LocMemCache"}
    assert not [one for one in settings.MIDDLEWARE if "UpdateCache" in one or "FetchFromCache" in one]


def arguments_of_tasks() -> Iterator[tuple[str, str]]:
    """Every argument that a task of ours takes, with its type."""
    for path in (path for path in modules() if path.name == "tasks.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.decorator_list:
                yield from ((each.arg, ast.unparse(each.annotation or ast.Constant(None))) for each in node.args.args)


@pytest.mark.req("R-SEC-12")
def test_jobs_take_ids_of_ours_and_nothing_else() -> None:
    taken = set(arguments_of_tasks())
    assert taken
    assert {
        (name, kind) for name, kind in taken if not (name.endswith(("_id", "pk")) and kind in ("str", "int"))
    } == set()


@pytest.mark.req("R-SEC-16")
def test_no_secret_stands_in_the_repository() -> None:
    found = {
        str(path.relative_to(ROOT)): told
        for path in tracked()
        if path.suffix not in (".lock", ".xz") and (told := secrets_in(path.read_text("utf-8", errors="ignore")))
    }
    assert found == {}


@pytest.mark.req("R-SEC-16")
def test_the_scan_of_the_repository_finds_a_planted_secret() -> None:
    header = "-----BEGIN EC PRIVATE " + "KEY-----"
    assert secrets_in(f"x\n{header}\nMHc") == [header]
    line = "SECRET" + "_KEY = 'kJ8sVq2mXw0ZrT5yUb7Nc4Lp9Hd1Ge3F'"
    assert secrets_in(line) == [line]
    assert secrets_in("password = 'the-same-words-over-and-over-again'") == []
