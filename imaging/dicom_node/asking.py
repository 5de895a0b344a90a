"""C-FIND: what a tool asks of the clean archive, page by page, its right asked anew for each."""

import logging
import uuid
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import close_old_connections
from pydicom import Dataset
from pynetdicom import _config

from audit.context import acting
from imaging import searches
from imaging.dicom_node import identifiers
from imaging.dicom_node.identifiers import BadIdentifier, Level, Query
from imaging.dicomweb.questions import BadQuestion
from imaging.dicomweb.resources import Resource
from imaging.dicomweb.shelf import Found
from imaging.services import tools
from imaging.services.tools import Admitted

log = logging.getLogger("corelab.dicom")

NOT_AUTHORISED = 0x0124
BAD_IDENTIFIER = 0xA900
CANCELLED = 0xFE00
PENDING, PENDING_PARTLY = 0xFF00, 0xFF01
# PS3.4 C.4.1.1.4: there are more matches than are told.
MORE_THAN_TOLD = 0xB001
MOST_MATCHES = 10_000
_LONGEST_COMMENT = 64
_NOT_A_TOOL = "Only registered tools of the core laboratory may do this."

# What somebody searches for may be a person's name: it must not reach a log.
_config.LOG_REQUEST_IDENTIFIERS = False
_config.LOG_RESPONSE_IDENTIFIERS = False


def status(code: int, sentence: str = "") -> Dataset:
    """Return a status with a comment (PS3.7 annex C: Error Comment is LO)."""
    told = Dataset()
    told.Status = code
    if sentence:
        told.ErrorComment = sentence[:_LONGEST_COMMENT]
    return told


def admit(association: Any) -> Admitted:
    """Ask who calls, anew. Raises PermissionDenied."""
    close_old_connections()
    name = str(association.requestor.ae_title).strip()
    try:
        return tools.admit(ae_title=name, caller=association.caller, request_id=uuid.uuid4().hex)
    except PermissionDenied:
        raise PermissionDenied(_NOT_A_TOOL) from None


def handle_find(event: Any) -> Iterator[tuple[Dataset | int, Dataset | None]]:
    """Answer a C-FIND. What cannot be matched is refused; what can only not be told is left out (FF01)."""
    try:
        admitted = admit(event.assoc)
        query = identifiers.read_query(event.identifier, model=str(event.request.AffectedSOPClassUID))
        yield from _answers(event, admitted, query)
    except PermissionDenied as denied:
        yield status(NOT_AUTHORISED, str(denied)), None
    except (BadIdentifier, BadQuestion) as bad:
        yield status(BAD_IDENTIFIER, bad.sentence), None


def _answers(event: Any, admitted: Admitted, query: Query) -> Iterator[tuple[Dataset | int, Dataset | None]]:
    code = PENDING_PARTLY if query.is_partly_unknown else PENDING
    told, end = 0, "complete"
    try:
        while True:
            found = _page(admit(event.assoc) if told else admitted, query, offset=told)
            for row in found.rows:
                if event.is_cancelled:
                    end = "cancelled"
                    yield CANCELLED, None
                    return
                told += 1
                yield code, identifiers.answer(row, query, ae_title=settings.DICOM_AE_TITLE)
            if not found.has_more:
                return
            if told >= MOST_MATCHES:
                end = "limit"
                yield status(MORE_THAN_TOLD, f"More than {MOST_MATCHES} match; ask more narrowly."), None
                return
    finally:
        after = {"level": str(query.level), "by_keys": sorted(query.matches), "told": told, "end": end}
        admitted.tell("archive.queried", after=after)


def _page(admitted: Admitted, query: Query, *, offset: int) -> Found:
    question, shelf = query.question(offset=offset), admitted.shelf()
    with acting(admitted.by):
        if query.level is Level.PATIENT:
            return searches.patients(admitted.by, admitted.tool.trial, question)
        return shelf.search(Resource(kind=question.level), question)
