"""Log lines are one line each and carry ids and counts only: no header value, no name, no peer's string."""

import json
import logging
import threading
from typing import Any

log = logging.getLogger("corelab.threads")


# What reads images: their words and Python's warnings quote the values they stumble over. A filter, because pydicom
# sets its logger's level anew when it is imported.
_QUOTING = {"highdicom", "py", "pydicom", "pynetdicom", "radiomics"}


class QuotableFilter(logging.Filter):
    """Lets no record of a library pass that puts header values into its sentences."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.name.split(".")[0] not in _QUOTING


class LineFormatter(logging.Formatter):
    """One JSON object a line. Of an exception only type and place are told: its text may quote a header."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["place"] = _place(record)
        return json.dumps(line)


def _message(record: logging.LogRecord) -> str:
    # Only our own arguments are known to be ids and counts; Celery's hold the text of the exception.
    return record.getMessage() if record.name.split(".")[0] == "corelab" else str(record.msg)


def _place(record: logging.LogRecord) -> str:
    trace = record.exc_info[2] if record.exc_info else None
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else ""


def guard_output() -> None:
    """Keep this process from printing what may quote a header: Python's warnings and errors that end a thread.

    Warnings become log records of `py.warnings`, which the filter drops.
    """
    logging.captureWarnings(True)
    threading.excepthook = _tell_thread_end


def _tell_thread_end(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_type is SystemExit or ended.exc_value is None:
        return
    log.error("a thread ended by an error", exc_info=(ended.exc_type, ended.exc_value, ended.exc_traceback))


def log_settings(*, level: str) -> dict[str, Any]:
    """Return Django's LOGGING: one handler, one line an event; `level` is that of libraries."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "config.logs.LineFormatter"}},
        "filters": {"quotable": {"()": "config.logs.QuotableFilter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["quotable"]}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "corelab": {"level": "INFO"},
            # It says at every start that a file broker has no host.
            "kombu": {"level": "ERROR"},
            # It warns that nothing is fetched from the net; we want it so.
            "pyhanko": {"level": "ERROR"},
        },
    }
