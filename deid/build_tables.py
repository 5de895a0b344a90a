"""Maintainer's tool: compile the data files from the standard's tables and the installed libraries."""

import argparse
import json
import lzma
import sys
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.sr import _concepts_dict, _snomed_dict

from deid.options import COLUMNS, Column

HERE = Path(__file__).parent / "data"
BASE_EDITION = "2025b"
# added by edition 2026c, whose cells are not at hand: ours keep no value
ADDED_2026C = {
    "00181010": "X/D",
    "00181011": "X/D",
    "003a0020": "X/D",
    "003a0203": "X/D",
    "003a020c": "X/D",
    "00400556": "X",
    "0040b020": "X",
    "0040e012": "X",
    "00700006": "D",
}
Node = tuple[tuple[int, str, int], ...]


def main() -> None:
    """Write rules.json, objects.json.xz and codes.json.xz beside this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path, help="Table E.1-1 as JSON")
    parser.add_argument("--compare", action="store_true", help="write nothing: print what the table changes in ours")
    arguments = parser.parse_args()
    rules = _rules(json.loads(arguments.table.read_text()))
    if arguments.compare:
        sys.stdout.writelines(compare(json.loads((HERE / "rules.json").read_text())["rows"], rules["rows"]))
        return
    _write("rules.json", rules)
    _write("objects.json.xz", _objects())
    _write("codes.json.xz", _codes())


def compare(held: dict[str, str], new: dict[str, str]) -> Iterator[str]:
    """Yield a line for each row that an edition adds, takes away or changes: tag, held cell, new cell."""
    for tag in sorted(held.keys() | new.keys()):
        if held.get(tag) != new.get(tag):
            yield f"({tag[:4]},{tag[4:]})\t{held.get(tag, '-')}\t{new.get(tag, '-')}\n"


def _write(name: str, content: dict[str, Any]) -> None:
    packed = json.dumps(content, sort_keys=True, separators=(",", ":"), indent=None if "xz" in name else 0)
    raw = packed.encode()
    (HERE / name).write_bytes(lzma.compress(raw, preset=9) if name.endswith(".xz") else raw + b"\n")


def _rules(table: list[dict[str, str]]) -> dict[str, Any]:
    tags = {row["id"].lower(): _cell(row) for row in table if row["id"].isalnum() and "x" not in row["id"]}
    added = {tag: cell for tag, cell in ADDED_2026C.items() if tag not in tags}
    patterns = sorted(row["tag"] for row in table if row["id"].lower() not in tags)
    edition = f"{BASE_EDITION}+{len(added)} rows of 2026c"
    return {"edition": edition, "rows": tags | added, "patterns": patterns, "count": len(table) + len(added)}


def _cell(row: dict[str, str]) -> str:
    letters = "".join(_letter(column, row.get(column.name, "")) for column in COLUMNS.values())
    return f"{row['basicProfile']} {letters}".strip()


def _letter(column: Column, cell: str) -> str:
    return {"K": column.keep, "C": column.clean, "": ""}[cell]


def _objects() -> dict[str, Any]:
    standard = resources.files("highdicom") / "_standard"
    attributes = json.loads((standard / "module_attribute_map.json").read_text())
    iods = json.loads((standard / "iod_module_map.json").read_text())
    sops = json.loads((standard / "sop_class_iod_map.json").read_text())
    seen: dict[Node, int] = {}
    modules = {name: _fold(_tree(rows), seen) for name, rows in sorted(attributes.items())}
    used = {iod: [m["key"] for m in listed if m["key"] in modules] for iod, listed in iods.items()}
    return {"sops": sops, "iods": used, "modules": modules, "nodes": list(seen)}


def _tree(rows: Iterable[dict[str, Any]]) -> dict[int, Any]:
    """Nest the flat (path, keyword, type) rows: tag to [type, children]."""
    root: dict[int, Any] = {}
    for row in rows:
        place = root
        for keyword in row["path"]:
            place = place.setdefault(_tag(keyword), ["3", {}])[1]
        entry = place.setdefault(_tag(row["keyword"]), ["3", {}])
        entry[0] = "3" if row["type"] == "None" else row["type"]
    return root


def _tag(keyword: str) -> int:
    return tag_for_keyword(keyword) or 0


def _fold(tree: dict[int, Any], seen: dict[Node, int]) -> int:
    """Return the number of the node; equal trees share one, which is what makes the file small."""
    node = tuple(
        (tag, kind, _fold(children, seen) if children else -1) for tag, (kind, children) in sorted(tree.items()) if tag
    )
    return seen.setdefault(node, len(seen))


def _codes() -> dict[str, dict[str, str]]:
    """Code meanings by scheme and value, with the retired SRT codes under their SNOMED CT meaning."""
    concepts: Any = _concepts_dict.concepts
    known = {scheme: _shortest_meanings(words) for scheme, words in concepts.items()}
    retired = _snomed_dict.mapping["SRT"]
    known["SRT"] = {old: known["SCT"][new] for old, new in retired.items() if new in known["SCT"]}
    return {scheme: _fit(codes) for scheme, codes in known.items()}


def _shortest_meanings(words: dict[str, dict[str, tuple[str, list[int]]]]) -> dict[str, str]:
    """Return one meaning per code; of several names for one concept the shortest reads best."""
    pairs = [(code, entry[0]) for codes in words.values() for code, entry in codes.items()]
    return dict(sorted(pairs, key=lambda pair: (-len(pair[1]), pair[1])))


def _fit(codes: dict[str, str]) -> dict[str, str]:
    """Keep what fits CodeValue (16) and CodeMeaning (64 characters, plain ASCII)."""
    return {c: m[:64].strip() for c, m in codes.items() if len(c) <= 16 and m.isascii()}  # noqa: PLR2004  SH


if __name__ == "__main__":
    main()
