"""The answer to an access request: one PDF to read, one JSON file to keep (GDPR 12, 15, 20)."""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from audit.actor import Actor
from audit.services import canonical, record
from privacy.paper import Paper, Section, Table, render
from privacy.services.dossiers import collect
from reports.document import writing
from trials import access
from trials.models import Disclosure, Subject
from trials.roles import Act
from trials.services.ledger import Leaving, disclose

_NOT_RECORDED = "not recorded yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Two files about one subject, and the SHA-256 (hex) of the JSON one, which the PDF prints."""

    name: str
    pdf: bytes
    data: bytes
    sha256: str

    @property
    def zipped(self) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
            bundle.writestr(f"{self.name}.pdf", self.pdf)
            bundle.writestr(f"{self.name}.json", self.data)
        return out.getvalue()


def hand_out(*, by: Actor, subject: Subject) -> Package:
    """Make the package and write it into the trail and the ledger. A machine acts for whoever runs the command."""
    if by.user_id is not None:
        by = access.require(by, Act.REQUEST_HANDLE, subject)
    package = _make(subject)
    trial = subject.trial_site.trial
    with transaction.atomic():
        after = {"sha256": package.sha256}
        record(by=by, act="access_package.made", obj=subject, trial_code=trial.code, after=after)
        leaving = Leaving(
            kind=Disclosure.Kind.ACCESS,
            what=f"{package.name}.json",
            sha256=package.sha256,
            purpose=_("access request of the subject (GDPR 15)"),
            recipient=_("subject %(code)s, through site %(site)s")
            % {"code": subject.code, "site": subject.trial_site.number},
            subjects=(subject.code,),
        )
        disclose(by=by, trial=trial, leaving=leaving)
    return package


def _make(subject: Subject) -> Package:
    # As it is written, so that both files say the same.
    dossier: dict[str, Any] = json.loads(canonical(collect(subject)))
    data = json.dumps(dossier, indent=1, ensure_ascii=False, sort_keys=True).encode()
    sha256 = hashlib.sha256(data).hexdigest()
    return Package(name=f"access-{subject.code}", pdf=render(_paper(dossier, sha256)), data=data, sha256=sha256)


def _paper(told: dict[str, Any], sha256: str) -> Paper:
    who = told["subject"]
    return Paper(
        title="Your data in this trial",
        subtitle=f"Answer to an access request. Trial {who['trial']}, subject {who['code']}",
        head=f"{who['trial']} · {who['code']} · access to personal data",
        foot=f"data file SHA-256 {sha256[:16]}…",
        sections=(
            _about(told),
            _purposes(told),
            _consents(told),
            _scans(told),
            _results(told),
            _looked_at(told),
            _received(told),
            _retention(told),
            _rights(told),
        ),
    )


def _about(told: dict[str, Any]) -> Section:
    who = told["subject"]
    rows = (
        ("Code", who["code"]),
        ("Trial", f"{who['title']} ({who['protocol_number']})"),
        ("Sponsor", who["sponsor"]),
        ("Site", who["site"]),
        ("Day zero", who["day_zero"]),
        ("State", who["state"]),
    )
    return Section(heading="Who this is about", sentences=(told["identity"],), facts=rows)


def _purposes(told: dict[str, Any]) -> Section:
    rows = _rows(told["purposes"], "purpose", "article_6", "article_9")
    sentence = "These are the grounds on which data are processed. Consent to take part in the trial is another thing."
    found = Table(head=("Purpose", "GDPR article 6", "GDPR article 9"), rows=rows, shares=(3, 2, 2))
    return Section(heading="Why your data are processed", sentences=(sentence,), tables=(found,))


def _consents(told: dict[str, Any]) -> Section:
    rows = tuple(
        (row["on"], row["kind"], row["form"], "; ".join(row["modules"]) or writing.MISSING) for row in told["consents"]
    )
    found = Table(head=("Date", "Consent", "Form", "To what"), rows=rows, shares=(2, 2, 1, 6))
    return Section(heading="What you agreed to", tables=(found,))


def _scans(told: dict[str, Any]) -> Section:
    rows = tuple(
        (
            f"{visit['visit']} {visit['name']}",
            visit["due_on"],
            visit["state"],
            scan.get("modality", writing.MISSING),
            _text(scan.get("scanned_on")),
            _text(scan.get("images")),
        )
        for visit in told["visits"]
        for scan in visit["scans"] or [{}]
    )
    head = ("Visit", "Due on", "State", "Kind", "Scanned on", "Images")
    return Section(heading="Your scans", tables=(Table(head=head, rows=rows, shares=(4, 2, 3, 1, 2, 1)),))


def _results(told: dict[str, Any]) -> Section:
    rows = tuple(
        (row["reader"], point["code"], _text(point["sum_mm"]), point["overall"], point["explanation"])
        for row in told["results"]
        for point in row["time_points"]
    )
    head = ("Reader", "Visit", "Sum, mm", "Response", "Why")
    return Section(
        heading="What was found",
        sentences=(told["decisions"], "Single measurements stand in the data file."),
        tables=(Table(head=head, rows=rows, shares=(1, 1, 1, 1, 6)),),
    )


def _looked_at(told: dict[str, Any]) -> Section:
    rows = tuple(
        (row["role"], row["what"], str(row["times"]), row["first"][:10], row["last"][:10]) for row in told["looked_at"]
    )
    head = ("Role", "What was done", "Times", "First", "Last")
    found = Table(head=head, rows=rows, shares=(3, 4, 1, 2, 2))
    return Section(heading="Who worked with your data", tables=(found,))


def _received(told: dict[str, Any]) -> Section:
    rows = tuple((row["at"][:10], row["recipient"], row["what"], row["purpose"]) for row in told["received_by"])
    head = ("Date", "Recipient", "What", "Purpose")
    return Section(heading="Who received your data", tables=(Table(head=head, rows=rows, shares=(2, 3, 4, 4)),))


def _retention(told: dict[str, Any]) -> Section:
    clock = told["retention"]
    rows = (
        ("Rule", clock["rule"] or _NOT_RECORDED),
        ("Years after the end", _text(clock["years"])),
        ("Kept until", clock["kept_until"] or "the trial has not ended"),
    )
    return Section(heading="How long your data are kept", facts=rows)


def _rights(told: dict[str, Any]) -> Section:
    names = {
        "controller": "Controller",
        "representative": "Representative in the Union",
        "officer": "Data protection officer",
        "rights_contact": "Where to turn to",
        "authority": "Supervisory authority",
    }
    rows = tuple((names[name], words or _NOT_RECORDED) for name, words in told["contacts"].items())
    sentences = ("You have the right:", *(f"• {right}" for right in told["rights"]))
    return Section(heading="Your rights, and where to turn to", sentences=sentences, facts=rows)


def _rows(rows: list[dict[str, Any]], *names: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(_text(row[name]) for name in names) for row in rows)


def _text(value: Any) -> str:
    return writing.MISSING if value is None or value == "" else str(value)
