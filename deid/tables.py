"""The rules as data: Table E.1-1 with its supplement, and what each kind of object consists of."""

import functools
import json
import lzma
from dataclasses import dataclass
from importlib import resources
from typing import Any

_DATA = resources.files("deid") / "data"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of Table E.1-1: the basic action, and a letter for each option column with a cell (deid.options)."""

    action: str
    letters: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute in one module: its type (1, 1C, 2, 2C, 3) and the node of its items (-1 for none)."""

    type: str
    child: int


@dataclass(frozen=True, slots=True)
class Objects:
    """What highdicom's module tables say: SOP class to IOD, IOD to root nodes, node to attributes, module to node."""

    iods: dict[str, str]
    roots: dict[str, tuple[int, ...]]
    modules: dict[str, frozenset[str]]
    nodes: tuple[dict[int, Attribute], ...]
    module_nodes: dict[str, int]


def read_json(name: str) -> Any:
    """Return the parsed content of a data file of this package (`.json` or `.json.xz`)."""
    raw = (_DATA / name).read_bytes()
    return json.loads(lzma.decompress(raw) if name.endswith(".xz") else raw)


@functools.cache
def table_edition() -> str:
    """Return the edition of the table and of the supplement, e.g. `2025b+9 rows of 2026c+s1`."""
    rules, supplement = read_json("rules.json"), read_json("supplement.json")
    return f"{rules['edition']}+s{supplement['version']}"


@functools.cache
def rows() -> dict[int, Row]:
    """Return the rows by tag; the supplement fills holes and, with a reason each, tightens rows."""
    table = {int(tag, 16): _row(cell) for tag, cell in read_json("rules.json")["rows"].items()}
    extra = {int(tag, 16): _row(entry[0]) for tag, entry in read_json("supplement.json")["rows"].items()}
    return table | extra


def _row(cell: str) -> Row:
    action, _, flags = cell.partition(" ")
    return Row(action=action, letters=flags)


@functools.cache
def objects() -> Objects:
    """Return the compiled object table (about 20 ms on first use)."""
    raw = read_json("objects.json.xz")
    nodes = tuple({tag: Attribute(kind, child) for tag, kind, child in node} for node in raw["nodes"])
    return Objects(
        iods=raw["sops"],
        roots={iod: tuple(raw["modules"][m] for m in names) for iod, names in raw["iods"].items()},
        modules={iod: frozenset(names) for iod, names in raw["iods"].items()},
        nodes=nodes,
        module_nodes=raw["modules"],
    )
