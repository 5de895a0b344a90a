"""Secondary use: coded results for the holder of a permit, of those alone who agree (EHDS 66, 71)."""

import datetime as dt
import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import canonical, record
from audit.version import VERSION
from endpoints.selectors.results import SubjectRow, TimePointRow, rows_of
from privacy.models import Permit
from privacy.selectors import secondary_subjects
from privacy.services import pseudonyms
from trials import access, refusals
from trials.agreement import Gate, Why
from trials.models import ConsentForm, Disclosure, Subject, Trial
from trials.roles import Act
from trials.services import consent
from trials.services.ledger import Leaving, disclose

FORMAT = "corelab-secondary-2"
DATA, MANIFEST = "subjects.jsonl", "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Two files: one line of JSON a subject, and the manifest with its hash. `sha256` is that of the manifest."""

    name: str
    data: bytes
    manifest: bytes
    sha256: str
    count: int

    @property
    def files(self) -> dict[str, bytes]:
        return {DATA: self.data, MANIFEST: self.manifest}

    @property
    def zipped(self) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, data in self.files.items():
                bundle.writestr(name, data)
        return out.getvalue()


@refusals.told("privacy.refused")
@transaction.atomic
def add_permit(*, by: Actor, trial: Trial, number: str, recipient: str, purpose: str, valid_until: dt.date) -> Permit:
    """Record a permit, with a key of its own. Raises ValidationError: `over`, and where the number is known already."""
    by = access.require(by, Act.SECONDARY_EXPORT, trial)
    if valid_until < timezone.localdate():
        raise ValidationError({"valid_until": ValidationError(_("This permit is over already."), code="over")})
    permit = Permit(
        trial=trial,
        number=number.strip(),
        recipient=recipient.strip(),
        purpose=purpose.strip(),
        valid_until=valid_until,
        wrapped_key=pseudonyms.new_wrapped_key(),
    )
    permit.full_clean()
    permit.save()
    after = {"number": permit.number, "recipient": permit.recipient, "valid_until": valid_until}
    record(by=by, act="permit.added", obj=permit, trial_code=trial.code, after=after)
    return permit


@refusals.told("privacy.refused")
@transaction.atomic
def export(*, by: Actor, permit: Permit) -> Export:
    """Hand out coded results; who may be told of is asked in this very transaction.

    A machine acts for whoever runs the command. Raises ValidationError: `over` for a permit past its day.
    """
    trial = permit.trial
    if by.user_id is not None:
        by = access.require(by, Act.SECONDARY_EXPORT, permit)
    if permit.valid_until < timezone.localdate():
        raise ValidationError(
            _("This permit ended on %(day)s. Nothing was handed out."), code="over", params={"day": permit.valid_until}
        )
    subjects = secondary_subjects(trial)
    made = _make(permit, subjects)
    after = {"permit": permit.number, "subjects": made.count, "sha256": made.sha256}
    record(by=by, act="secondary.exported", obj=permit, trial_code=trial.code, after=after)
    leaving = Leaving(
        kind=Disclosure.Kind.SECONDARY,
        what=made.name,
        sha256=made.sha256,
        purpose=permit.purpose,
        recipient=permit.recipient,
        subjects=[subject.code for subject in subjects],
        modules=(ConsentForm.Scope.SECONDARY,),
        permit=permit.number,
    )
    disclose(by=by, trial=trial, leaving=leaving)
    return made


def _make(permit: Permit, subjects: list[Subject]) -> Export:
    lines = sorted(canonical(_coded(permit, subject)) for subject in subjects)
    data = "".join(f"{line}\n" for line in lines).encode()
    told = {
        "format": FORMAT,
        "permit": permit.number,
        "recipient": permit.recipient,
        "purpose": permit.purpose,
        "made_at": timezone.now(),
        "software": VERSION,
        "module": ConsentForm.Scope.SECONDARY,
        "subjects": len(subjects),
        "files": {DATA: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}},
    }
    manifest = json.dumps(json.loads(canonical(told)), indent=1, sort_keys=True, ensure_ascii=False).encode()
    sha256 = hashlib.sha256(manifest).hexdigest()
    return Export(name=f"secondary-{permit.pk}", data=data, manifest=manifest, sha256=sha256, count=len(subjects))


def _coded(permit: Permit, subject: Subject) -> dict[str, Any]:
    """Return one subject without code, site, dates, UIDs and hashes: whatever would join with another recipient's."""
    rows = rows_of(subject, timezone.localdate())
    readings = [_reading(row) for row in rows if row.time_points]
    return {"id": pseudonyms.id_of(permit, subject), "withdrawn": _withdrawn(subject), "readings": readings}


def _withdrawn(subject: Subject) -> dict[str, Any] | None:
    """Return level and study day of a withdrawal under which this goes on: what goes out bears its mark (W3)."""
    standing = consent.standing_of(subject)
    is_marked = consent.answer(subject, Gate.SECONDARY).why is Why.MARKED
    if not is_marked or standing.withdrawn_on is None:
        return None
    return {"level": standing.level, "day": (standing.withdrawn_on - subject.day_zero).days}


def _reading(row: SubjectRow) -> dict[str, Any]:
    return {
        "reader": row.reader,
        "best_overall_response": row.best.value if row.best else "",
        "visits": [_visit(point) for point in row.time_points],
    }


def _visit(point: TimePointRow) -> dict[str, Any]:
    return {
        "visit": point.code,
        "day": point.day,
        "sum_mm": point.sum_mm,
        "target": point.target,
        "non_target": point.non_target,
        "new_lesion": point.new_lesion,
        "overall": point.overall,
        "lesions": [
            {"label": one.label, "kind": one.kind, "organ": one.organ, "state": one.state, "value_mm": one.value_mm}
            for one in point.lesions
        ],
        "segments": [{"label": one.label, "volume_ml": one.volume_ml} for one in point.segments],
    }
