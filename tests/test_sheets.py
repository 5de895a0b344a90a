"""What leaves as a list opens as text: no cell is a formula, and one module writes all of them."""

import ast
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.sheets import neutral, sheet
from tests.test_architecture import ROOT, modules

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", '=HYPERLINK("http://a.example")')
CELLS = st.one_of(st.text(), st.sampled_from(FORMULAS), st.integers(), st.none())


@pytest.mark.req("R-SEC-15")
@given(st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=4))
def test_every_cell_comes_back_as_it_was_and_none_begins_like_a_formula(rows: list[list[object]]) -> None:
    text = sheet(rows).decode("utf-8", "surrogatepass")
    back = list(csv.reader(io.StringIO(text, newline="")))
    assert back == [[neutral(str(cell)) for cell in row] for row in rows]
    for cell in (cell for row in back for cell in row):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))


@pytest.mark.req("R-SEC-15")
@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_is_told_by_an_apostrophe(formula: str) -> None:
    assert neutral(formula) == f"'{formula}"


@pytest.mark.req("R-SEC-15")
def test_no_other_module_writes_sheets() -> None:
    writers = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            if {name.split(".")[0] for name in names} & {"csv", "openpyxl", "xlsxwriter", "xlwt"}:
                writers.append(str(path.relative_to(ROOT)))
    # A site's own map of identifiers is read by programs, to the letter, and never leaves the house.
    assert writers == ["audit/sheets.py", "deid/command/folder.py"]
