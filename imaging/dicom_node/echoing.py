"""C-ECHO to a site's own receiver, when its people ask: to the registered address alone, and soon given up."""

import logging
import socket
import threading
import uuid
from contextlib import closing

from django.db import connection
from pynetdicom import build_context

from audit.context import acting
from imaging.dicom_node.calling import Refused, Stranger, Unreachable, line
from imaging.dicom_node.reception import Desk
from imaging.models import Echo
from imaging.services import doors, lines
from imaging.services.arrivals import Register

log = logging.getLogger("corelab.dicom")

VERIFICATION = "1.2.840.10008.1.1"
SECONDS = 8
_LOOKS_EVERY = 1.0
Result = Echo.Result


def start(desk: Desk) -> threading.Event:
    """Look for tests that were asked for, in a thread of its own; the event ends it."""
    stop = threading.Event()
    threading.Thread(target=_run, args=(stop, desk), name="echoes", daemon=True).start()
    return stop


def _run(stop: threading.Event, desk: Desk) -> None:
    while not stop.wait(_LOOKS_EVERY):
        try:
            # By a line to the database that is there anyway: one of our own would hold 3 MiB on SQLite.
            if desk.ask(_is_waited):
                _serve_and_close()
        except Exception:
            # The database may be away; the next look asks again.
            log.exception("test calls could not be looked for")


def _serve_and_close() -> None:
    try:
        serve()
    finally:
        connection.close()


def _is_waited(_register: Register) -> bool:
    with acting(doors.node(ae_title="", request_id=uuid.uuid4().hex)):
        return bool(lines.waiting_echoes())


def serve() -> int:
    """Make the calls that wait; return how many there were."""
    by = doors.node(ae_title="", request_id=uuid.uuid4().hex)
    with acting(by):
        waiting = lines.waiting_echoes()
        for echo in waiting:
            lines.end_echo(by=by, echo=echo, result=attempt(echo))
    return len(waiting)


def attempt(echo: Echo) -> Echo.Result:
    """Call once, and say what came of it."""
    door = lines.door_of(echo)
    if door is None:
        return Result.NOT_TRIED
    try:
        with line(door, ae_title=echo.ae_title, contexts=[build_context(VERIFICATION)], seconds=SECONDS) as association:
            answer = association.send_c_echo()
            return Result.ANSWERED if answer.get("Status") == 0 else Result.NO_ECHO
    except Refused:
        return Result.REJECTED
    except Stranger:
        return Result.NOT_THE_ONE
    except Unreachable:
        return Result.NO_DICOM if _listens(echo) else Result.NO_LINE
    except (ValueError, RuntimeError):
        return Result.NO_ECHO


def _listens(echo: Echo) -> bool:
    """Whether anybody takes a connection there: then it is the language that differs, not the line."""
    try:
        with closing(socket.create_connection((echo.host, echo.port), timeout=SECONDS)):
            return True
    except OSError:
        return False
