"""What a site's browser needs to clean scans itself: Pyodide as npm has it, and our engine in one archive.

`python -m config.equipping` fetches the first; `manage.py run` builds the second and lays both where whitenoise serves.
Where npm is absent, browsers send through the encrypted intake, and nothing else is different.
"""

import gzip
import hashlib
import importlib.util
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import IO, cast

from imaging.equipment import ENGINE, PREFIX

VERSION = "314.0.7"
# SHA-512 (hex) of the package as the registry has it: another one is not unpacked.
PACKAGE_SHA512 = (
    "d18bd7c4485f11da4b7dbfd790cd8114078c44eab488c517d9bcf31fda4eb6dc"
    "8c716930abe1db139bb2b860fcd8b37bcb6abe48dbe2ffa579244b0e943d91d4"
)
PROJECT = Path(__file__).resolve().parent.parent
UNPACKED = PROJECT / ".tools" / f"pyodide-{VERSION}"
# What a browser loads, and what tells whose work it is and under which licence.
LOADED = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
_TOLD = ("package.json", "README.md")
_FETCH = ("npm", "pack", f"pyodide@{VERSION}", "--silent", "--fetch-retries=1", "--fetch-timeout=60000")
_SECONDS = 180
# Parts of the engine that no browser runs, and those of pydicom that the engine imports.
_NOT_OURS = ("command", "gateway", "__main__.py", "build_tables.py")
_OF_PYDICOM = (
    "",
    "data",
    "examples",
    "pixels",
    "pixels/decoders",
    "pixels/encoders",
    "pixel_data_handlers",
    "util",
    "waveforms",
)
# What pydicom loads at its start and the engine never asks: objects to learn by, and names of private attributes.
_LEFT_OUT = {
    "pydicom/examples/__init__.py": b"# left out\n",
    "pydicom/_private_dict.py": b"private_dictionaries: dict[str, dict[str, tuple[str, str, str, str]]] = {}\n",
}
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


class CannotEquip(Exception):
    """Why browsers get nothing to clean with; the words are for whoever set this installation up."""


@dataclass(frozen=True, slots=True)
class Built:
    """The engine as one archive: its bytes and their SHA-256 (hex)."""

    data: bytes
    sha256: str


def fetch(folder: Path = UNPACKED) -> None:
    """Unpack what is laid out of the Pyodide package, unmodified, unless it is there. Raises CannotEquip."""
    if (folder / LOADED[0]).exists():
        return
    if shutil.which("npm") is None:
        raise CannotEquip("npm is not on this machine (Debian: npm)")
    with tempfile.TemporaryDirectory() as scratch:
        packed = _packed(Path(scratch))
        if hashlib.sha512(packed).hexdigest() != PACKAGE_SHA512:
            raise CannotEquip(f"npm gave another package than pyodide {VERSION} as we know it")
        unpacked = Path(scratch) / "package"
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            _unpack(archive, unpacked)
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(unpacked, folder)


def _unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """Write the files that are laid out, by name: Debian 12's Python cannot filter what an archive would unpack."""
    folder.mkdir()
    for name in (*LOADED, *_TOLD):
        # None is for what is no file; the package is the reviewed one.
        (folder / name).write_bytes(cast("IO[bytes]", archive.extractfile(f"package/{name}")).read())


def _packed(scratch: Path) -> bytes:
    try:
        subprocess.run(_FETCH, cwd=scratch, check=True, capture_output=True, timeout=_SECONDS)  # noqa: S603  a fixed command
        return (scratch / f"pyodide-{VERSION}.tgz").read_bytes()
    except (OSError, subprocess.SubprocessError):
        raise CannotEquip("npm could not fetch the package pyodide") from None


def lay_out(root: Path, *, pyodide: Path = UNPACKED) -> None:
    """Lay Pyodide and the engine out under `root`, as whitenoise serves them; what lay there before goes."""
    target = root / PREFIX
    built = build_engine()
    if not (pyodide / LOADED[0]).exists():
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        return
    home, engine = target / pyodide.name, target / ENGINE.format(built.sha256)
    if home.is_dir() and engine.is_file():
        return
    shutil.rmtree(root, ignore_errors=True)
    home.mkdir(parents=True)
    for name in (*LOADED, *_TOLD):
        _lay(home / name, (pyodide / name).read_bytes())
    _lay(engine, built.data)


def _lay(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    # Served in its place to whoever takes it.
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(data, compresslevel=6, mtime=0))


def build_engine() -> Built:
    """Return the engine with what it needs of pydicom as one archive: the same bytes for the same sources."""
    buffer = io.BytesIO()
    # Stored: how well bytes are packed depends on the machine, and each is packed for the way anyhow.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, path in sorted(_parts()):
            archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), _LEFT_OUT.get(name) or path.read_bytes())
    data = buffer.getvalue()
    return Built(data=data, sha256=hashlib.sha256(data).hexdigest())


def _parts() -> Iterator[tuple[str, Path]]:
    ours = PROJECT / "deid"
    for path in (*ours.rglob("*.py"), *(ours / "data").iterdir()):
        inner = path.relative_to(ours)
        if inner.parts[0] not in _NOT_OURS and "__pycache__" not in inner.parts:
            yield f"deid/{inner.as_posix()}", path
    theirs = _package("pydicom")
    for folder in _OF_PYDICOM:
        for path in (theirs / folder).glob("*.py"):
            yield f"pydicom/{path.relative_to(theirs).as_posix()}", path
    # It asks for its own version at start; the licence travels with it.
    for told in metadata.distribution("pydicom").files or ():
        if ".dist-info" in told.parts[0] and told.name.upper().startswith(("METADATA", "LICENSE")):
            yield told.as_posix(), Path(str(told.locate()))


def _package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise CannotEquip(f"{name} is not installed")
    return Path(found.origin).parent


def main() -> int:
    try:
        fetch()
    except CannotEquip as why:
        sys.stdout.write(f"Browsers will send scans through the encrypted intake, not clean them themselves: {why}.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
