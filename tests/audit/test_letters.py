"""Letters of non-repudiation: one an organisation, kept as a hash."""

import datetime as dt
import hashlib
import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from audit import letters
from audit.models import AuditEvent, Letter
from tests.cast import TODAY, Cast
from tests.people import ORGANISATION, STAGE

pytestmark = pytest.mark.django_db


@pytest.mark.req("R-SIG-12")
def test_a_letter_is_filed_once_and_kept_as_its_hash_alone(cast: Cast) -> None:
    letter = letters.file_letter(by=STAGE, organisation="  North   Hospital ", filed_on=TODAY, document=b"By hand.")
    assert letter.organisation == "North Hospital"
    assert letter.document_sha256 == hashlib.sha256(b"By hand.").hexdigest()
    event = AuditEvent.objects.get(act="letter.filed", object_id=str(letter.pk))
    assert json.loads(event.after) == {
        "organisation": "North Hospital",
        "filed_on": TODAY.isoformat(),
        "document_sha256": letter.document_sha256,
    }
    for told, code in (
        ({"organisation": "North Hospital"}, "filed"),
        ({"organisation": " "}, "no-document"),
        ({"organisation": "South Hospital", "document": b""}, "no-document"),
        ({"organisation": "South Hospital", "filed_on": TODAY + dt.timedelta(days=2)}, "future"),
    ):
        honest: dict[str, Any] = {"filed_on": TODAY, "document": b"By hand."}
        with pytest.raises(ValidationError) as refusal:
            letters.file_letter(by=STAGE, **(honest | told))
        assert refusal.value.code == code
    assert set(Letter.objects.values_list("organisation", flat=True)) == {ORGANISATION, "North Hospital"}
