"""What a browser cleans with is laid out at set-up, as it was reviewed, and served under a policy of its own."""

import hashlib
import io
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from whitenoise.base import WhiteNoise

from config import equipping
from config.assets import WORKER_POLICY, add_headers
from imaging.equipment import equipment, laid_out
from tests.cast import Cast


def package(folder: Path) -> Path:
    """A package as unpacked: the names that are loaded, with other bytes."""
    folder.mkdir(parents=True)
    for name in (*equipping.LOADED, "package.json", "README.md"):
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.mark.req("R-PAGE-10")
def test_another_package_than_the_reviewed_one_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pack(_command: Any, *, cwd: Path, **_told: Any) -> None:
        with tarfile.open(cwd / f"pyodide-{equipping.VERSION}.tgz", "w:gz") as made:
            info = tarfile.TarInfo("package/pyodide.mjs")
            made.addfile(info, io.BytesIO(b""))

    monkeypatch.setattr("config.equipping.shutil.which", lambda _name: "/usr/bin/npm")
    monkeypatch.setattr("config.equipping.subprocess.run", pack)
    with pytest.raises(equipping.CannotEquip, match="another package"):
        equipping.fetch(tmp_path / "pyodide")
    assert not (tmp_path / "pyodide").exists()


@pytest.mark.req("R-PAGE-10")
def test_without_npm_one_line_says_so(tmp_path: Path) -> None:
    told = subprocess.run(
        [str(equipping.PROJECT / ".venv/bin/python"), "-c", _WITHOUT_NPM, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=equipping.PROJECT,
        env={"PATH": str(tmp_path)},
    )
    assert told.returncode == 1
    assert "encrypted intake" in told.stdout
    assert told.stdout.count("\n") == 1


_WITHOUT_NPM = """
import sys, pathlib
from config import equipping
equipping.fetch.__defaults__ = (pathlib.Path(sys.argv[1]) / "none",)
sys.exit(equipping.main())
"""


@pytest.mark.req("R-PAGE-10")
def test_what_is_laid_out_is_found_and_goes_again_with_the_package(tmp_path: Path) -> None:
    unpacked, root = package(tmp_path / "pyodide-1.2.3"), tmp_path / "root"
    equipping.lay_out(root, pyodide=unpacked)
    laid = laid_out(root)
    assert laid is not None
    served = (root / laid["engine"].lstrip("/")).read_bytes()
    assert hashlib.sha256(served).hexdigest() == laid["digest"]
    assert equipping.build_engine().data == served
    names = zipfile.ZipFile(io.BytesIO(served)).namelist()
    assert {"deid/page/bridge.py", "deid/data/rules.json", "pydicom/_dicom_dict.py"} <= set(names)
    assert not [name for name in names if "gateway" in name or "test_files" in name or name.startswith("imaging")]
    assert (root / laid["home"].lstrip("/") / "pyodide.mjs").read_bytes() == b"pyodide.mjs"
    equipping.lay_out(root, pyodide=tmp_path / "none")
    assert laid_out(root) is None


@pytest.mark.req("R-PAGE-10")
def test_it_is_served_for_long_with_the_types_that_browsers_ask_for(tmp_path: Path) -> None:
    equipping.lay_out(tmp_path / "root", pyodide=package(tmp_path / "pyodide-1.2.3"))
    noise = WhiteNoise(
        lambda _environ, _start: [],
        root=str(tmp_path / "root"),
        immutable_file_test=settings.WHITENOISE_IMMUTABLE_FILE_TEST,
        add_headers_function=add_headers,
    )
    wasm = noise.files["/browser/pyodide-1.2.3/pyodide.asm.wasm"].alternatives[0][1]
    headers = dict(noise.files["/browser/pyodide-1.2.3/pyodide.asm.wasm"].get_response("GET", {}).headers)
    assert wasm
    assert headers["Content-Type"] == "application/wasm"
    assert "immutable" in headers["Cache-Control"]
    script = dict(noise.files["/browser/pyodide-1.2.3/pyodide.mjs"].get_response("GET", {}).headers)
    assert script["Content-Type"].startswith("text/javascript")


@pytest.mark.req("R-PAGE-11")
@pytest.mark.django_db
def test_the_sending_page_alone_allows_webassembly_and_the_worker_has_a_policy_of_its_own(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.alba)
    policy = client.get(reverse("send", args=[cast.trial.code]))["Content-Security-Policy"]
    assert "'wasm-unsafe-eval'" in policy
    assert "'unsafe-eval'" not in policy
    assert "http" not in policy
    other = client.get(reverse("submission-list", args=[cast.trial.code]))["Content-Security-Policy"]
    assert "wasm" not in other
    noise = WhiteNoise(lambda _environ, _start: [], add_headers_function=add_headers)
    noise.add_files(str(settings.BASE_DIR / "config" / "static"), prefix="static/")
    headers = dict(noise.files["/static/corelab/cleaner.js"].get_response("GET", {}).headers)
    assert headers["Content-Security-Policy"] == WORKER_POLICY
    assert "Content-Security-Policy" not in dict(noise.files["/static/corelab/app.css"].get_response("GET", {}).headers)


@pytest.mark.req("R-PAGE-10")
def test_a_page_is_told_that_there_is_nothing_where_nothing_was_laid_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "BROWSER_ROOT", tmp_path / "root")
    assert equipment() is None
    equipping.lay_out(tmp_path / "root", pyodide=package(tmp_path / "pyodide-1.2.3"))
    found = equipment()
    assert found is not None
    assert found.told.keys() == {"worker", "home", "engine", "digest"}
