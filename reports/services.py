"""Building, releasing and handing out reports: each is one transaction with its event."""

import datetime as dt
import hashlib
import json
from enum import StrEnum
from typing import Any

from celery import current_app
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.english import in_english
from audit.meanings import Meaning
from audit.selectors import signature_of
from audit.services import canonical, record
from audit.signing import Offer, Proof, offer, sign, signing, still_stands
from reports import store
from reports.contents import Contents, from_plain, to_plain
from reports.document import render
from reports.models import Download, Report
from reports.selectors import closed, freeze, next_number, void_signatures, withdrawn_since, without_consent
from trials import access
from trials.models import Charter, ConsentForm, Disclosure, Trial
from trials.roles import Act
from trials.selectors import approved_charter
from trials.services.ledger import Leaving, disclose

MEANINGS = (Meaning.APPROVAL, Meaning.RESPONSIBILITY)
# What of the contents the results of today show; the rest belongs to a report.
SHOWN = ("trial", "cut_off", "counts", "readings", "volumes", "unread", "withdrawn", "excluded")


class Form(StrEnum):
    """What of a report is handed out: the document, or the frozen contents it was made from."""

    PDF = "pdf"
    CONTENTS = "json"


def build(*, by: Actor, trial: Trial, cut_off: dt.date) -> Report:
    """Freeze the results at the end of the UTC day `cut_off` and make the document.

    Raises ValidationError: `future` for a day to come, `no-charter` before an approved one, `at-once` where two build.
    """
    by = access.require(by, Act.REPORT_BUILD, trial)
    if cut_off > timezone.localdate():
        raise ValidationError(_("That day has not come yet. Choose today or an earlier day."), code="future")
    charter = _charter(trial)
    _refuse_void(trial)
    with transaction.atomic():
        contents = freeze(trial, cut_off=cut_off, number=next_number(trial))
    # Drawn outside a transaction: on SQLite it would keep every other writer waiting.
    text = canonical(to_plain(contents))
    report = Report(
        trial=trial,
        charter=charter,
        number=contents.number,
        cut_off=cut_off,
        contents=text,
        contents_sha256=_sha256(text.encode()),
        audit_sequence=contents.audit.sequence,
        audit_hash=contents.audit.hash,
        built_at=contents.frozen_at,
    )
    report.pdf_sha256 = store.keep(render(contents, contents_sha256=report.contents_sha256, signature=None))
    _file(by, report)
    return report


def _charter(trial: Trial) -> Charter:
    try:
        return approved_charter(trial)
    except Charter.DoesNotExist:
        raise ValidationError(
            _("A report says which charter it follows. Approve the charter first, then build again."),
            code="no-charter",
        ) from None


def _file(by: Actor, report: Report) -> None:
    try:
        with transaction.atomic():
            report.save(force_insert=True)
            _record(by, report, "report.built")
    except IntegrityError:
        raise ValidationError(
            _("Somebody else built a report in the same moment. Nothing is lost: build again."),
            code="at-once",
        ) from None


def _record(by: Actor, report: Report, act: str) -> None:
    after = {
        "number": report.number,
        "cut_off": report.cut_off,
        "contents_sha256": report.contents_sha256,
        "pdf_sha256": report.pdf_sha256,
        "audit_sequence": report.audit_sequence,
        "audit_hash": report.audit_hash,
    }
    record(by=by, act=act, obj=report, trial_code=report.trial.code, after=after)


def offer_release(*, by: Actor, report: Report) -> Offer:
    """Return what a release would sign: the frozen contents. Raises ValidationError as `release` does before that."""
    by = access.require(by, Act.REPORT_BUILD, report)
    _refuse_release(report, read(report))
    return offer(by=by, obj=report, contents=json.loads(report.contents), meanings=MEANINGS)


@signing
def release(*, by: Actor, report: Report, proof: Proof) -> Report:
    """Sign the frozen contents as offered (21 CFR 11.50, 11.70); the sealed document follows within seconds.

    Raises ValidationError: `wrong-state` where it is released already, `consent-changed` where a subject in it no
    longer agrees, `void` where a signature under it no longer fits its record, `damaged` where the contents lost their
    hash, and SignatureRefused as `audit.signing.sign`.
    """
    by = access.require(by, Act.REPORT_BUILD, report)
    report = Report.objects.select_for_update(of=("self",), no_key=True).select_related("trial").get(pk=report.pk)
    _refuse_release(report, read(report))
    signature = sign(
        by=by,
        proof=proof,
        obj=report,
        contents=json.loads(report.contents),
        meanings=MEANINGS,
        trial_code=report.trial.code,
    )
    report.state, report.released_at, report.signature_id = Report.State.RELEASED, signature.at, signature.pk
    report.save(update_fields=["state", "released_at", "signature_id"])
    _record(by, report, "report.released")
    # By name: services never import tasks.
    transaction.on_commit(lambda: current_app.send_task("reports.tasks.seal_released"))
    return report


def _refuse_release(report: Report, contents: Contents) -> None:
    if report.state != Report.State.BUILT:
        raise _released_already()
    if gone := without_consent(report.trial, contents):
        raise ValidationError(
            _(
                "Since this report was built, consent to give results to the sponsor ended or was withdrawn for: "
                "%(codes)s. The report stays unreleased; build a new one, which says so."
            ),
            code="consent-changed",
            params={"codes": ", ".join(gone)},
        )
    _refuse_void(report.trial)


def _refuse_void(trial: Trial) -> None:
    """Nothing is reported over a signature that no longer fits what it signed (21 CFR 11.70, EMA A5.3.2)."""
    if void := void_signatures(trial):
        raise ValidationError(
            _(
                "Something changed after it was signed, so that these signatures are void: %(records)s. "
                "Have the records looked at and signed again, then go on."
            ),
            code="void",
            params={"records": "; ".join(void)},
        )


def _released_already() -> ValidationError:
    return ValidationError(
        _("This report is released already and never changes. Build a new one for newer results."),
        code="wrong-state",
    )


def read(report: Report) -> Contents:
    """Return the frozen contents. Raises ValidationError (`damaged`) where they no longer match their hash."""
    if _sha256(report.contents.encode()) != report.contents_sha256:
        raise _damaged()
    return from_plain(json.loads(report.contents))


def is_as_signed(report: Report) -> bool:
    """Whether a released report still says what its own release signature covers; a built one has nothing to lose."""
    if report.signature_id is None:
        return report.state == Report.State.BUILT
    return still_stands(signature_of(report.signature_id), obj=report, sha256=_sha256(report.contents.encode()))


@transaction.atomic
def download(*, by: Actor, report: Report, form: Form) -> bytes:
    """Hand out the document or the contents, and keep who took which bytes (A10).

    A report that is not released goes to those who may build it, and to nobody else: PermissionDenied.
    Raises ValidationError: `damaged` where the stored bytes no longer match their hash, `no-consent` where consent of
    somebody in it ended.
    """
    by = access.require(by, Act.REPORT_VIEW, report)
    if report.state != Report.State.RELEASED:
        by = access.require(by, Act.REPORT_BUILD, report)
    _refuse_gone(report)
    data = _bytes(report, form)
    taken = Download.objects.create(report=report, taken_by=by.id, sha256=_sha256(data), at=timezone.now())
    after = {"number": report.number, "form": form, "sha256": taken.sha256}
    record(by=by, act="report.downloaded", obj=report, trial_code=report.trial.code, after=after)
    disclose(by=by, trial=report.trial, leaving=_leaving(report, taken.sha256))
    return data


def _refuse_gone(report: Report) -> None:
    """Ask consent at the moment of handing out; a signed report is not changed for it, and not given away either."""
    contents = read(report)
    is_signed = report.state == Report.State.RELEASED
    if gone := sorted(closed(report.trial, contents)) if is_signed else without_consent(report.trial, contents):
        raise ValidationError(
            _(
                "Of these subjects nothing may be handed out any more: %(codes)s. The report stays as it is and where "
                "it is; build a new one, which says so."
            ),
            code="no-consent",
            params={"codes": ", ".join(gone)},
        )


@in_english
def _leaving(report: Report, sha256: str) -> Leaving:
    told = from_plain(json.loads(report.contents))
    # The signed bytes never change, so what they do not say yet stands beside them.
    marks = (f"; {one.subject} withdrawn since: {one.words}, {one.on}" for one in withdrawn_since(report.trial, told))
    return Leaving(
        kind=Disclosure.Kind.REPORT,
        what=f"report {report.number} ({report.pk}){''.join(marks)}",
        sha256=sha256,
        purpose=str(_("results of the trial")),
        subjects=told.named,
        modules=(ConsentForm.Scope.SPONSOR_EXPORT,),
    )


@transaction.atomic
@in_english
def take_results(*, by: Actor, trial: Trial) -> dict[str, Any]:
    """Return the results as they stand today, as JSON data, and keep who took which bytes (A10).

    Raises Charter.DoesNotExist before the first approval.
    """
    by = access.require_in(by, Act.RESULT_VIEW, trial)
    contents = freeze(trial, cut_off=timezone.localdate(), number=next_number(trial))
    plain = to_plain(contents)
    shown = {name: plain[name] for name in SHOWN}
    after: dict[str, Any] = {"sha256": _sha256(canonical(shown).encode()), "subjects": len(shown["readings"])}
    record(by=by, act="results.taken", obj=trial, trial_code=trial.code, after=after)
    leaving = Leaving(
        kind=Disclosure.Kind.RESULTS,
        what=str(_("results as they stood")),
        sha256=after["sha256"],
        purpose=str(_("results of the trial")),
        subjects=contents.named,
        modules=(ConsentForm.Scope.SPONSOR_EXPORT,),
    )
    disclose(by=by, trial=trial, leaving=leaving)
    return shown


def _bytes(report: Report, form: Form) -> bytes:
    if form is Form.CONTENTS:
        read(report)
        return report.contents.encode()
    try:
        return store.load(_pdf_sha256(report))
    except store.DamagedReportError:
        raise _damaged() from None


def _pdf_sha256(report: Report) -> str:
    """Return the built draft's hash, or the sealed document's once the report is released."""
    if report.state != Report.State.RELEASED:
        return report.pdf_sha256
    sealed = report.documents.first()
    if sealed is None:
        raise ValidationError(
            _("The document is being sealed; that takes some seconds. Try again in a moment."), code="not-sealed"
        )
    return sealed.pdf_sha256


def _damaged() -> ValidationError:
    return ValidationError(
        _(
            "The stored report no longer matches its hash, so nothing was handed out or signed. "
            "Tell the operator: the file must come back from a backup."
        ),
        code="damaged",
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
