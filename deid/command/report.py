"""The certificate of a run over a folder: what was done to each file goes to disk at once, however many there are."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deid.certificate import Tally, executed
from deid.model import Policy


class Report:
    """Takes records one by one into a nameless file beside the report, and writes the report in the end."""

    def __init__(self, path: Path, policy: Policy) -> None:
        self._path, self._policy, self._tally = path, policy, Tally()
        self._records = tempfile.TemporaryFile("w+", encoding="utf-8", dir=path.parent)  # noqa: SIM115  open as long as the run; no name is left
        self._separator = ""

    def add(self, record: Mapping[str, Any]) -> None:
        """Write down what was done to one file."""
        told = json.dumps(self._tally.count(record), ensure_ascii=False)
        self._records.write(f"{self._separator}\n  {told}")
        self._separator = ","

    def write(self) -> None:
        """Write the certificate: what was in force, counts and patterns, then every record."""
        head = json.dumps({**executed(self._policy), **self._tally.told}, indent=1, ensure_ascii=False)
        self._records.seek(0)
        with self._path.open("w", encoding="utf-8") as file:
            file.write(head.removesuffix("\n}") + ',\n "files": [')
            shutil.copyfileobj(self._records, file)
            file.write("\n ]\n}\n")
        self._records.close()
