"""What quotes a header never reaches a log, whichever library says it and however it says it."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.logs import LineFormatter

ROOT = Path(__file__).parents[2]
PLANTED = "ZWEISTEIN"
SETUP = "import config.celery, django; django.setup()\n"
WARNS = f"from pydicom.dataelem import DataElement; DataElement(0x00100030, 'DA', '{PLANTED}')\n"
RAISES = f"def fall(*_): raise ValueError('{PLANTED}')\n"
IN_A_THREAD = RAISES + "import threading; t = threading.Thread(target=fall); t.start(); t.join()\n"
IN_A_TASK = RAISES + "import celery; celery.current_app.task(fall, name='fall').apply()\n"
LOGGED = (
    RAISES + "import logging\ntry: fall()\nexcept ValueError: logging.getLogger('corelab.x').exception('stage 7')\n"
)


def said(program: str, home: Path, *flags: str) -> str:
    """Everything that a Python process of the product prints when it runs this."""
    environment = os.environ | {"CORELAB_HOME": str(home), "DJANGO_SETTINGS_MODULE": "config.settings"}
    told = subprocess.run(
        [sys.executable, *flags, "-c", program], check=True, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    return told.stdout + told.stderr


@pytest.mark.req("R-LOG-01")
@pytest.mark.parametrize("flags", [(), ("-W", "always")])
def test_a_warning_that_quotes_a_header_is_dropped(tmp_path: Path, flags: tuple[str, ...]) -> None:
    assert PLANTED in said(WARNS, tmp_path, *flags), "pydicom must still warn, or this proves nothing"
    assert said(SETUP + WARNS, tmp_path, *flags) == ""


@pytest.mark.req("R-LOG-02")
@pytest.mark.parametrize(
    ("program", "logger"),
    [(IN_A_THREAD, "corelab.threads"), (IN_A_TASK, "celery.app.trace"), (LOGGED, "corelab.x")],
)
def test_of_an_error_only_type_and_place_are_logged(tmp_path: Path, program: str, logger: str) -> None:
    line = said(SETUP + program, tmp_path)
    assert PLANTED not in line
    told = json.loads(line)
    assert (told["logger"], told["error"]) == (logger, "ValueError")
    assert told["place"].startswith("<string>:")


@pytest.mark.req("R-LOG-02")
def test_without_the_guard_a_thread_would_print_the_text_of_its_error(tmp_path: Path) -> None:
    assert PLANTED in said(IN_A_THREAD, tmp_path)


@pytest.mark.req("R-SEC-14")
@given(
    st.text() | st.sampled_from(["a\r\nb", "\x1b[2J", "\u2028", "\u202e", '"}\n{"level": "CRITICAL"}', "\0", "\ud800"])
)
def test_whatever_is_logged_is_one_line_of_printable_letters_and_comes_back_as_it_was(text: str) -> None:
    record = logging.LogRecord("corelab.x", logging.WARNING, "f", 1, "told: %s", (text,), None)
    line = LineFormatter().format(record)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == f"told: {text}"


@pytest.mark.req("R-SEC-14")
def test_what_a_library_was_asked_for_stays_out_of_its_line() -> None:
    record = logging.LogRecord("django.request", logging.WARNING, "f", 1, "Not Found: %s", (f"/{PLANTED}/",), None)
    assert json.loads(LineFormatter().format(record))["message"] == "Not Found: %s"
