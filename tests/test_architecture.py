"""What holds over the whole tree: floors in the migrations too, roads, quiet templates, small files, one version."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db.migrations.loader import MigrationLoader

from audit.version import VERSION
from trials.roles import Road

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOMS: list[str] = PROJECT["tool"]["importlinter"]["root_packages"]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
FLOOR = {"audit": 1, "trials": 2, "imaging": 3, "identity": 3, "endpoints": 4, "reports": 5, "privacy": 6}
ROADLESS = {
    "audit.AuditEvent": "shown by trial code to whom the trial's trail is open",
    "audit.Signature": "shown beside the record it stands on",
    "audit.Tile": "hashes of the sealed trail, over all trials",
    "audit.Checkpoint": "a seal over all trials",
    "audit.Stamp": "an outside clock over a checkpoint",
    "audit.Letter": "of an organisation, for the operator",
    "audit.Review": "shown by trial code to whom the trial's trail is open",
    "imaging.Scrub": "a walk over the whole archive, over all trials",
    "identity.MasterMark": "which key opens the vault, over all trials",
    "identity.IndexKey": "a key: nobody is shown it",
    "identity.SubjectKey": "asked for by the code of a subject that the main database let somebody see",
    "identity.Identity": "opened in a window alone",
    "identity.UnlockWindow": "found through its subject, which the main database lets somebody see",
    "trials.User": "an account belongs to no trial; memberships do",
    "trials.AccountSession": "of an account, for its holder and the operator",
    "trials.ProviderLink": "of an account, for its holder and the operator",
    "trials.Sponsor": "a name of which trials carry one",
    "trials.Site": "a hospital takes part in trials by its TrialSite",
    "trials.TrialGroupObjectPermission": "guardian's table: a right, not a thing that is shown",
    "trials.TrialSiteGroupObjectPermission": "guardian's table: a right, not a thing that is shown",
}
OTHER_HOST = re.compile(r"https?://|(?:src|href|action)=[\"']?//", re.IGNORECASE)
UNESCAPED = re.compile(r"\|\s*safe(?:seq)?\b|autoescape\s+off")
# Written so that it does not find itself; the option that leaves indexes out of the lock files may stand.
INDEX_ADDRESS = re.compile(
    r"py[p]i\.org|python[h]osted\.org|https?://\S*/[s]imple\b|(?<!no-emit-)(?:index[-_][u]rl|find[-_][l]inks)"
    r"|trusted[-_][h]ost",
    re.IGNORECASE,
)
FILE_LINES, FUNCTION_LINES, README_LINES, DECISION_LINES = 300, 50, 150, 40
# An outsider downloads and reads one file: cut in two it would need us to be put together.
ONE_FILE = {"audit/verifier.py": 450}


def climbs() -> Iterator[str]:
    """Tell each migration of ours that waits for a higher app, by its own word or by `run_before`."""
    for (app, name), migration in MigrationLoader(None).disk_migrations.items():
        waits = [(app, lower) for lower, _ in migration.dependencies]
        waits += [(higher, app) for higher, _ in migration.run_before]
        for waiting, awaited in waits:
            if waiting in FLOOR and FLOOR.get(awaited, 0) > FLOOR[waiting]:
                yield f"{app}.{name}: {waiting} waits for {awaited}"


def modules() -> list[Path]:
    found = [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "migrations" not in path.parts]
    return [*sorted(found), ROOT / "manage.py"]


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def longer(paths: list[Path], limit: int) -> dict[str, int]:
    return {str(path.relative_to(ROOT)): lines_of(path) for path in paths if lines_of(path) > limit}


def functions_longer(limit: int) -> Iterator[str]:
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > limit:
                    yield f"{path.relative_to(ROOT)}: {node.name}, {lines} lines"


def told_in(paths: list[Path], pattern: re.Pattern[str]) -> list[str]:
    """Return where a pattern occurs: file, line and what was found."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {found.group()}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        if (found := pattern.search(line))
    ]


def tracked() -> list[Path]:
    """Return every file that git has or would take."""
    if not (ROOT / ".git").exists():
        pytest.skip("this copy is no git checkout: which files are tracked is not known")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [path for name in names.split("\0") if name and (path := ROOT / name).is_file()]


@pytest.mark.req("R-ARCH-01")
def test_every_app_with_tables_stands_on_a_floor_and_no_migration_climbs() -> None:
    ours = {config.label for config in apps.get_app_configs() if config.name.split(".")[0] in ROOMS}
    assert {label for label in ours if list(apps.get_app_config(label).get_models())} == set(FLOOR)
    assert list(climbs()) == []


@pytest.mark.req("R-ARCH-02")
def test_every_table_has_a_road_to_its_trial_or_a_reason_for_none() -> None:
    models = [model for label in FLOOR for model in apps.get_app_config(label).get_models()]
    roadless = {model._meta.label for model in models if not isinstance(getattr(model, "road", None), Road)}
    assert roadless == set(ROADLESS)


@pytest.mark.req("R-ARCH-03")
def test_no_template_names_another_host_or_leaves_text_unescaped() -> None:
    assert TEMPLATES
    assert told_in(TEMPLATES, OTHER_HOST) == []
    assert told_in(TEMPLATES, UNESCAPED) == []


@pytest.mark.req("R-ARCH-04")
def test_the_project_and_the_trail_name_one_version() -> None:
    assert PROJECT["project"]["version"] == VERSION


@pytest.mark.req("R-ARCH-05")
def test_the_readme_and_each_decision_are_short() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert decisions
    assert longer([ROOT / "README.md"], README_LINES) == {}
    assert longer(decisions, DECISION_LINES) == {}


@pytest.mark.req("R-ARCH-05")
def test_no_file_of_the_product_is_longer_than_300_lines_and_no_function_than_50() -> None:
    static = [path for ending in ("*.js", "*.css") for path in (ROOT / "config" / "static").rglob(ending)]
    long = longer([*modules(), *TEMPLATES, *static], FILE_LINES)
    assert {name: lines for name, lines in long.items() if lines > ONE_FILE.get(name, FILE_LINES)} == {}
    assert list(functions_longer(FUNCTION_LINES)) == []


@pytest.mark.req("R-ARCH-06")
def test_no_tracked_file_names_the_address_of_a_package_index() -> None:
    assert told_in(tracked(), INDEX_ADDRESS) == []
