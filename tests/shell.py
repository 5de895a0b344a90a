"""The inner side of `Stack.shell`: a management shell that stays, so that a question does not load the product first."""

import io
import json
import sys
import traceback
from contextlib import redirect_stdout
from contextvars import copy_context

from django.db import connections


def listen() -> None:
    """Answer each line of standard input, Python as JSON, with what it prints and what it failed of."""
    for line in sys.stdin:
        # Who acts in one question acts in no other.
        told = copy_context().run(_answer, json.loads(line))
        print(json.dumps(told), flush=True)  # noqa: T201  read by the test


def _answer(words: str) -> tuple[str, str]:
    printed, fault = io.StringIO(), ""
    try:
        with redirect_stdout(printed):
            exec(words, {})  # noqa: S102  as `manage.py shell -c` does
    except Exception:  # noqa: BLE001  whatever it is, the test is told
        fault = traceback.format_exc()
    finally:
        connections.close_all()
    return printed.getvalue(), fault
