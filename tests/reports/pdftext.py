"""Reads a PDF with poppler, a tool that is not ours."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        words = f"{name} (poppler-utils) is not installed, so the PDF cannot be read by an outside tool"
        if os.environ.get("CORELAB_REQUIRE_SERVICES") == "1":
            pytest.fail(words)
        pytest.skip(words)
    return path


def text_of(pdf: bytes, folder: Path) -> str:
    """Return the text of the whole document, laid out as on the page."""
    return _run("pdftotext", "-layout", pdf=pdf, folder=folder, out="-")


def pages_of(pdf: bytes, folder: Path) -> list[str]:
    return text_of(pdf, folder).split("\f")[:-1]


def fonts_of(pdf: bytes, folder: Path) -> list[str]:
    """Return one line a font: name, type, encoding, emb sub uni."""
    return _run("pdffonts", pdf=pdf, folder=folder).splitlines()[2:]


def _run(tool: str, *options: str, pdf: bytes, folder: Path, out: str = "") -> str:
    file = folder / "report.pdf"
    file.write_bytes(pdf)
    command = [_tool(tool), *options, str(file), *filter(None, [out])]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
