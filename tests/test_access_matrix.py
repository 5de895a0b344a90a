"""The whole access policy as one table: who may open or post to which address, on their own trial's objects.

An address that serves several kinds of object has a row for each: history:subject.

Everybody not named in a row is refused (403 or 404), the other site's staff and strangers with 404 wherever an object
of site 01 is named, and on another trial's objects everybody is. The test fails for an address without a row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from audit.context import acting
from endpoints.models import Assignment, UnblindedCase, Unblinding
from endpoints.models.unblindings import key_of
from endpoints.services import assignments, reads
from endpoints.services.blinded import BlindShelf
from imaging.models import PixelReview, QCDecision, Query, Seclusion, Series, Submission, Tool
from privacy.models import Breach, Certificate, Erasure, Permit, Processor, Request, Tombstone, Transfer
from privacy.services.pseudonyms import new_wrapped_key
from reports import services as reports
from tests.cast import Cast, actor_for, add_form, add_site, found_trial, person, register, seat, write_charter
from tests.imaging.scans import ct_series, drive, send
from tests.people import STAGE
from tests.signing import decide, release
from trials.models import Consent, SiteToken, Subject, TimePoint, Trial, User
from trials.roles import Role
from trials.services import charters, trials

ROLES = {
    "C": "coordinator",
    "A": "alba",
    "B": "brisa",
    "Q": "analyst",
    "R": "reader",
    "Z": "second_reader",
    "S": "sponsor",
    "M": "monitor",
    "D": "officer",
    "K": "data_manager",
    "N": "administrator",
    "J": "adjudicator",
    "I": "inspector",
    "T": "statistician",
    "V": "visitor",
    "O": "operator",
    "X": "stranger",
}
# Those of them whose 404 tests/test_guessing.py compares, word by word, with that of what does not exist.
GUESSERS = "CBRO"

# Served, sent on, refused for its body, or (286) told that there is nothing left to poll for.
OPEN = (200, 286, 302, 400, 409, 422)


@dataclass(frozen=True, slots=True)
class Row:
    """Who may GET, POST and PATCH; `takes` names the object in the address."""

    get: str = ""
    post: str = ""
    patch: str = ""
    takes: str = ""
    of_site: bool = False

    def methods(self) -> list[tuple[str, str]]:
        """Each method that the address has, with who may use it."""
        offered = (("get", self.get), ("post", self.post), ("patch", self.patch))
        return [(method, allowed) for method, allowed in offered if allowed]


# Pages about oneself.
EVERYBODY = "".join(ROLES)

TABLE = {
    "account": Row(get=EVERYBODY),
    "account-password": Row(get=EVERYBODY, post=EVERYBODY),
    "account-unlink": Row(post=EVERYBODY),
    "session-end-others": Row(post=EVERYBODY),
    "passkey-begin": Row(post=EVERYBODY),
    "passkey-add": Row(get=EVERYBODY, post=EVERYBODY),
    "passkey-prove": Row(post=EVERYBODY),
    "operator-password": Row(get=EVERYBODY),
    "second-factor": Row(get=EVERYBODY),
    "second-factor-enrol": Row(get=EVERYBODY, post=EVERYBODY),
    "second-factor-remove": Row(post=EVERYBODY),
    "trial-create": Row(get="C", post="C"),
    "trial": Row(get="CABQSMDKNITV", takes="trial"),
    "trial-open": Row(post="CK", takes="trial"),
    "trial-correct": Row(get="CK", post="CK", takes="trial"),
    "closing": Row(get="CABQSMDKNITV", takes="trial"),
    "closing-close": Row(get="CK", post="CK", takes="trial"),
    "closing-ask": Row(get="CK", post="CK", takes="trial"),
    "closing-open": Row(get="CKNS", post="CKNS", takes="trial"),
    # Whoever touches data never meets an arm; an inspector asks the statistician.
    "arm-list": Row(get="T", post="T", takes="trial"),
    "unblinding-list": Row(get="CMKI", takes="trial"),
    "unblinding-add": Row(get="CK", post="CK", takes="trial"),
    "unblinding-decide": Row(get="CK", post="CK", takes="unblinded_case"),
    "charter": Row(get="CABQSMDKNITV", takes="trial"),
    "charter-settings": Row(post="CK", takes="charter"),
    "charter-time-point-add": Row(post="CK", takes="charter"),
    "charter-approve": Row(get="CK", post="CK", takes="charter"),
    "profile": Row(get="CABQSMDKNITV", post="CK", takes="charter"),
    "profile-try": Row(post="CK", takes="charter"),
    "profile-download": Row(get="CABQSMDKNITV", takes="charter"),
    "charter-amend": Row(post="CK", takes="charter"),
    "charter-time-point-remove": Row(post="CK", takes="planned"),
    "charter-requirement-add": Row(post="CK", takes="planned"),
    "site-list": Row(get="CABQMDKNIV", takes="trial"),
    "site-add": Row(get="CK", post="CK", takes="trial"),
    "site-door": Row(get="CK", post="CK", takes="site", of_site=True),
    # Who knows a hospital by its name alone may know how it sends.
    "site-dicom": Row(get="CAMDKNIV", post="CAK", takes="site", of_site=True),
    "site-correct": Row(get="CK", post="CK", takes="site", of_site=True),
    "member-add": Row(get="CN", post="CN", takes="trial"),
    "member-end": Row(get="CN", post="CN", takes="membership"),
    "access-review": Row(get="CNID", post="CN", takes="trial"),
    "access-as-of": Row(get="CNID", takes="trial"),
    "subject-list": Row(get="CABQMDKIV", takes="trial"),
    "subject-register": Row(get="CABK", post="CABK", takes="trial"),
    "consent-form-add": Row(get="CK", post="CK", takes="trial"),
    "subject": Row(get="CAQMDKIV", takes="subject", of_site=True),
    "subject-correct": Row(get="CAK", post="CAK", takes="subject", of_site=True),
    "consent-give": Row(get="CAK", post="CAK", takes="subject", of_site=True),
    "consent-withdraw": Row(get="CAK", post="CAK", takes="subject", of_site=True),
    "trial-audit": Row(get="CMDKNITABQSV", takes="trial"),
    "trial-audit-export": Row(post="CMDKNITABQSV", takes="trial"),
    "trail-mask": Row(get="D", post="D", takes="trial"),
    "trial-reviews": Row(get="CMDKI", post="CMDK", takes="trial"),
    "history:trial": Row(get="CABQSMDKNITV", takes="history_trial"),
    "history:charter": Row(get="CABQSMDKNITV", takes="history_charter"),
    "history:site": Row(get="CAMDKNIV", takes="history_site", of_site=True),
    "history:role": Row(get="CMDKNI", takes="history_role"),
    "history:subject": Row(get="CAQMDKIV", takes="history_subject", of_site=True),
    "history:time-point": Row(get="CAQMDKIV", takes="history_time_point", of_site=True),
    "history:query": Row(get="CAQMDKIV", takes="history_query", of_site=True),
    "history:delivery": Row(get="CAQMDKIV", takes="history_delivery", of_site=True),
    "history:series": Row(get="CAQMDKIV", takes="history_series", of_site=True),
    "consent-form": Row(get="CABQMDKNIV", post="CK", takes="consent_form"),
    "consent-answer": Row(get="CAK", post="CAK", takes="subject", of_site=True),
    "consent-history": Row(get="CAQMDKIV", takes="subject", of_site=True),
    # A signed form bears a name: the core laboratory does not check it.
    "consent-check": Row(get="AMV", post="AMV", takes="paper", of_site=True),
    "subject-restrict": Row(get="CDK", post="CDK", takes="subject", of_site=True),
    "collection-allow": Row(get="A", post="A", takes="time_point", of_site=True),
    "withdrawal-notice": Row(get="CAK", post="CAK", takes="subject", of_site=True),
    "seclusion-list": Row(get="SD", takes="trial"),
    "seclusion": Row(get="SD", post="SD", takes="seclusion", of_site=True),
    "privacy": Row(get="CDKI", takes="trial"),
    "retention": Row(get="D", post="D", takes="trial"),
    "ledger": Row(get="CDKI", takes="trial"),
    "request-list": Row(get="CDKI", post="D", takes="trial"),
    "request": Row(get="CDKI", post="D", takes="request"),
    "request-extend": Row(get="D", post="D", takes="request"),
    "request-package": Row(post="D", takes="request"),
    "erasure-list": Row(get="CDKI", takes="trial"),
    "erasure-decide": Row(get="D", post="D", takes="trial"),
    "trial-destroy": Row(get="D", post="D", takes="trial"),
    "erasure": Row(get="CDKI", takes="erasure"),
    "erasure-confirm": Row(get="CDK", post="CDK", takes="erasure"),
    "erasure-drop": Row(post="CDK", takes="erasure"),
    "erasure-certificate": Row(get="CDKI", post="CDKI", takes="erasure"),
    "breach-list": Row(get="D", post="D", takes="trial"),
    "breach": Row(get="D", post="D", takes="breach"),
    "register": Row(get="CDKI", post="D", takes="trial"),
    "register-paper": Row(get="CDKI", takes="register_paper"),
    "basis-set": Row(post="D", takes="trial"),
    "processor-add": Row(post="D", takes="trial"),
    "processor-end": Row(post="D", takes="processor"),
    "transfer-add": Row(post="D", takes="trial"),
    "transfer-end": Row(post="D", takes="transfer"),
    "secondary": Row(get="CK", post="CK", takes="trial"),
    "secondary-export": Row(post="CK", takes="permit"),
    # Blinded readers have a history of their own, and no other.
    "history:assignment": Row(get="CMDKI", takes="history_assignment"),
    "history:read": Row(get="CMDKI", takes="history_read"),
    "read-history": Row(get="R", takes="assignment"),
    "history:report": Row(get="CSMDKIT", takes="history_report"),
    "api-trial": Row(get="CABQSMDKNITV", patch="CK", takes="trial"),
    "api-sites": Row(get="CABQMDKNIV", takes="trial"),
    "api-site": Row(get="CAQMDKNIV", patch="CK", takes="site", of_site=True),
    "api-subject": Row(get="CAQMDKIV", patch="CAK", takes="api_subject", of_site=True),
    "api-subjects": Row(get="CABQMDKIV", takes="trial"),
    "api-time-points": Row(get="CABQMDKIV", takes="trial"),
    "submission-list": Row(get="CABQDKIV", takes="trial"),
    "archive-state": Row(get="CABQMIKV", takes="trial"),
    "quota-list": Row(get="CK", post="CK", takes="trial"),
    "conflict-list": Row(get="CAQDKIV", post="CK", takes="submission", of_site=True),
    "send": Row(get="AB", post="AB", takes="trial"),
    "submission": Row(get="CAQDKIV", takes="submission", of_site=True),
    "submission-state": Row(get="CAQDKIV", takes="submission", of_site=True),
    "submission-receipt": Row(get="CAQDKIV", takes="submission", of_site=True),
    "submission-certificate": Row(get="CAQDKIV", takes="submission", of_site=True),
    "submission-assign": Row(post="CAK", takes="submission", of_site=True),
    "submission-discard": Row(post="CADK", takes="submission", of_site=True),
    "submission-resend": Row(post="A", takes="submission", of_site=True),
    "submission-keep": Row(post="CAK", takes="submission", of_site=True),
    "quarantine-desk": Row(get="CQDKI", takes="trial"),
    "quarantine-item": Row(get="CQDKI", takes="submission", of_site=True),
    "quarantine-decide": Row(get="CDK", post="CDK", takes="submission", of_site=True),
    "pixel-list": Row(get="Q", takes="trial"),
    "pixel-review": Row(get="Q", post="Q", takes="picture", of_site=True),
    "pixel-before": Row(get="Q", takes="picture_frame", of_site=True),
    "pixel-after": Row(get="Q", takes="picture_frame", of_site=True),
    "pixel-decide": Row(get="Q", post="Q", takes="picture", of_site=True),
    "time-point": Row(get="CAQMDKIV", takes="time_point", of_site=True),
    "qc-decide": Row(get="Q", post="Q", takes="time_point", of_site=True),
    "query-answer": Row(post="A", takes="query", of_site=True),
    "series": Row(get="CAQMKIV", takes="series", of_site=True),
    "series-frame": Row(get="CAQMKIV", takes="frame", of_site=True),
    "tool-list": Row(get="CK", post="CK", takes="trial"),
    "tool-revoke": Row(get="CK", post="CK", takes="tool"),
    "token-list": Row(get="CABK", post="CABK", takes="trial"),
    "token-revoke": Row(get="CAK", post="CAK", takes="token", of_site=True),
    "dicomweb:studies": Row(get="CABQMKIV", takes="web_studies"),
    "dicomweb:objects": Row(get="CAQMKIV", takes="web_objects", of_site=True),
    "dicomweb:metadata": Row(get="CAQMKIV", takes="web_metadata", of_site=True),
    "dicomweb:rendered": Row(get="CAQMKIV", takes="web_rendered", of_site=True),
    "dicomweb:frames": Row(get="CAQMKIV", takes="web_frames", of_site=True),
    "api-expected": Row(get="A", takes="time_point", of_site=True),
    "api-delivery": Row(get="CAQDKIV", takes="submission", of_site=True),
    "api-delivery-manifest": Row(post="A", takes="submission", of_site=True),
    "api-delivery-pieces": Row(get="CAQDKIV", post="A", takes="submission", of_site=True),
    "api-delivery-cleaning": Row(get="A", takes="submission", of_site=True),
    "api-delivery-complete": Row(post="A", takes="submission", of_site=True),
    "api-delivery-receipt": Row(get="CAQDKIV", takes="submission", of_site=True),
    "api-delivery-certificate": Row(get="CAQDKIV", takes="submission", of_site=True),
    "api-delivery-certificate-object": Row(get="CAQDKIV", takes="delivered_object", of_site=True),
    "read": Row(get="R", takes="assignment"),
    "read-open": Row(post="R", takes="assignment"),
    "read-frame": Row(get="R", takes="read_frame"),
    "read-dicomweb:studies": Row(get="R", takes="read_web_studies"),
    "read-dicomweb:instances": Row(get="R", takes="read_web_instances"),
    "read-dicomweb:objects": Row(get="R", takes="read_web_objects"),
    "read-dicomweb:metadata": Row(get="R", takes="read_web_metadata"),
    "read-dicomweb:rendered": Row(get="R", takes="read_web_rendered"),
    "read-dicomweb:frames": Row(get="R", takes="read_web_frames"),
    "read-lesion-add": Row(post="R", takes="assignment"),
    "read-lesion-remove": Row(post="R", takes="assignment"),
    "read-measure": Row(post="R", takes="assignment"),
    "read-lock": Row(get="R", post="R", takes="assignment"),
    "assignment-list": Row(get="CKI", takes="trial"),
    "assign": Row(post="CK", takes="trial"),
    "assign-all": Row(post="CK", takes="trial"),
    "results": Row(get="CSMKIT", takes="trial"),
    "report-list": Row(get="CSMKIT", takes="trial"),
    "report-build": Row(post="CK", takes="trial"),
    "report": Row(get="CSMKIT", takes="report"),
    "report-release": Row(get="CK", post="CK", takes="report"),
    "report-sealing": Row(get="CSMKIT", takes="report"),
    "report-download": Row(get="CSMKIT", takes="report"),
    "report-contents": Row(get="CSMKIT", takes="report"),
    "api-results": Row(get="CSMKIT", takes="trial"),
    # Anybody who has a report may ask about it; the answer tells nothing of a trial that is not theirs.
    "verify-report": Row(get=EVERYBODY, post=EVERYBODY),
    "verify-root": Row(get=EVERYBODY),
}
# Where there is a vault of identities; tests/identity walks these.
OF_THE_VAULT = {
    "identity-list": Row(get="ABD", takes="trial"),
    "identity": Row(get="AD", takes="subject", of_site=True),
    "identity-record": Row(get="A", post="A", takes="subject", of_site=True),
    "identity-correct": Row(get="A", post="A", takes="subject", of_site=True),
    "identity-unlock": Row(get="AD", post="AD", takes="subject", of_site=True),
    "identity-window": Row(get="AD", post="AD", takes="window", of_site=True),
    "identity-approve": Row(get="AD", post="AD", takes="window", of_site=True),
    "identity-close": Row(post="AD", takes="window", of_site=True),
}
# Everybody who is signed in may open these; they show a person only what is theirs.
OWN_PAGES = {"home", "worklist", "api-trials"}
# A body decides here; that the rows behind it are fenced is tested beside their services.
BY_BODY = {"api-delivery-list"}
# Of an account and of no trial; that they open for their holder (or the operator) alone is tested beside them.
OF_AN_ACCOUNT = {"session-end", "passkey-remove", "account-link", "account-vouch", "operator-account"}
PUBLIC = {
    "healthz",
    # A language is chosen before anybody signs in, and scripts speak it there.
    "language",
    "words",
    "sign-in",
    "sign-in-second",
    "sign-in-passkey",
    "sign-in-passkey-begin",
    "sign-in-provider",
    "sign-in-provider-back",
    "sign-out",
    "operator-door",
    "operator-leave",
    # By token, not by session: tests/imaging/test_stow.py and test_expecting.py walk them.
    "stow",
    "stow-study",
    "stow-status",
    "stow-expected",
    # They tell a browser whether it is signed in.
    "session-state",
    "session-extend",
}


def names(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            yield str(pattern.name)
        elif pattern.namespace != "admin":
            yield from names(pattern.url_patterns)


@dataclass(frozen=True, slots=True)
class Objects:
    """One of each, in one trial."""

    arguments: dict[str, dict[str, Any]]


def unblinded_case(trial: Trial, subject: Subject, reader: User) -> UnblindedCase:
    """A reader who learned something of a subject, and may read on."""
    entry = Unblinding.objects.create(
        pk=key_of(trial_id=trial.pk, number=1),
        trial=trial,
        number=1,
        kind=Unblinding.Kind.ACCIDENTAL,
        happened_on=timezone.localdate(),
        who="told on the telephone",
        known="the site",
        impact="none",
        action="reader instructed",
        at=timezone.now(),
    )
    return UnblindedCase.objects.create(
        unblinding=entry,
        subject=subject,
        reader=reader,
        decision=UnblindedCase.Decision.GO_ON,
        reason="no read is touched",
        decided_at=timezone.now(),
    )


def _objects(trial: Trial, cast: Cast, submission: Submission, reader: Any, coordinator: Any) -> Objects:
    time_point = submission.time_point
    assert time_point is not None
    Query.objects.create(time_point=time_point, opened_at=timezone.now())
    decide(cast.analyst, time_point, QCDecision.Verdict.ACCEPTED)
    assignment = assignments.assign(by=actor_for(coordinator), time_point=time_point, reader=reader)
    reads.open_read(by=actor_for(reader), assignment=assignment)
    report = reports.build(by=actor_for(coordinator), trial=trial, cut_off=timezone.localdate())
    release(coordinator, report)
    draft = charters.amend(
        by=actor_for(coordinator), charter=trial.charters.get(state="approved"), reason="more visits"
    )
    planned = draft.time_points.first()
    series = Series.objects.get(study__time_point=time_point)
    membership = trial.memberships.get(user=reader)
    unblinded = unblinded_case(trial, time_point.subject, reader)
    picture = PixelReview.objects.create(file=submission.files.earliest("number"), since=timezone.now())
    code = {"code": trial.code}
    assert planned is not None
    return Objects(
        {
            "": {},
            "trial": code,
            "charter": code | {"version": draft.version},
            "planned": code | {"pk": planned.pk},
            "membership": {"pk": membership.pk},
            "site": code | {"pk": time_point.subject.trial_site_id},
            "subject": {"code": time_point.subject.code},
            "api_subject": code | {"subject": time_point.subject.code},
            "submission": {"pk": submission.pk},
            "delivered_object": {"pk": submission.pk, "number": submission.files.filter(state="filed")[0].number},
            "unblinded_case": {"pk": unblinded.pk},
            "picture": {"pk": picture.pk},
            "picture_frame": {"pk": picture.pk, "index": 1},
            "time_point": {"pk": time_point.pk},
            "query": {"pk": time_point.queries.get().pk},
            "series": {"pk": series.pk},
            "frame": {"pk": series.pk, "index": 0},
            "assignment": {"pk": assignment.pk},
            "read_frame": {"pk": assignment.pk, "series": 0, "index": 0},
            "report": {"pk": report.pk},
            "consent_form": code | {"pk": trial.consent_forms.get().pk},
            "paper": {"pk": time_point.subject.consents.get(kind=Consent.Kind.GIVEN).pk},
            "seclusion": {"pk": _seclusion(time_point.subject).pk},
            "token": code | {"pk": _token(time_point.subject).pk},
            "tool": code | {"pk": _tool(trial, coordinator).pk},
            **_web(trial, series, assignment),
            **_histories(trial, time_point, submission, series, assignment, report, membership),
            **_rights(time_point.subject),
        }
    )


def _tool(trial: Trial, holder: Any) -> Tool:
    now = timezone.now()
    told: dict[str, Any] = {"label": "viewer", "purpose": "read", "networks": ["192.0.2.0/24"], "reason": "agreed"}
    return Tool.objects.create(
        trial=trial, holder=holder, ae_title=f"TOOL_{trial.pk}", granted_at=now, ends_on=now.date(), **told
    )


def _token(subject: Subject) -> SiteToken:
    now = timezone.now()
    told = {"label": "PACS", "digest": subject.code, "reason": "it sends", "granted_by": "nobody", "granted_at": now}
    return SiteToken.objects.create(trial_site=subject.trial_site, ends_on=now, **told)


def _web(trial: Trial, series: Series, assignment: Assignment) -> dict[str, dict[str, Any]]:
    """Addresses below both DICOMweb roots; the blinded one has names of its own for study, series and object."""
    first = series.instances.order_by("pk")[0]
    guise = BlindShelf(by=STAGE, read=assignment.read)._places[0].guise
    roots: dict[str, tuple[dict[str, Any], str, str, str]] = {
        "web": ({"code": trial.code}, f"studies/{series.study.uid}", f"series/{series.uid}", first.uid),
        "read_web": (
            {"pk": assignment.pk},
            f"studies/{guise.study_uid}",
            f"series/{guise.series_uid}",
            guise.instance_uid,
        ),
    }
    told: dict[str, dict[str, Any]] = {}
    for root, (named, study, of_series, instance) in roots.items():
        whole = f"{study}/{of_series}/instances/{instance}"
        told |= {
            f"{root}_studies": named | {"path": "studies"},
            f"{root}_instances": named | {"path": "instances"},
            f"{root}_objects": named | {"path": study},
            f"{root}_metadata": named | {"path": f"{study}/metadata"},
            f"{root}_rendered": named | {"path": f"{whole}/rendered"},
            f"{root}_frames": named | {"path": f"{whole}/frames/1"},
        }
    return told


def _seclusion(subject: Subject) -> Seclusion:
    """A row as W6 leaves it; the gates ask consent alone, so everything else here stays open."""
    return Seclusion.objects.create(
        subject=subject,
        state=Seclusion.State.HELD,
        wrapped_key=b"",
        reason="the form was never signed",
        begun_at=timezone.now(),
        begun_by="clara",
    )


def _rights(subject: Subject) -> dict[str, dict[str, Any]]:
    """One of each thing that the rights of a person bring, as rows: how they come about is tested elsewhere."""
    trial, now = subject.trial_site.trial, timezone.now()
    told = {"level": "link", "ground": "17(1)(b)", "reason": "a letter", "decided_by": "nobody", "decided_at": now}
    erasure = Erasure.objects.create(trial=trial, subject=subject, decision_signature_id=uuid4(), **told)
    tombstone = Tombstone.objects.create(
        id=erasure.pk, trial=trial, contents='{"destroyed": {}, "subjects": []}', at=now
    )
    Certificate.objects.create(tombstone=tombstone, pdf_sha256="0" * 64, at=now)
    rows = {
        "request": Request.objects.create(
            subject=subject, kind="access", received_on=now, due_on=now, recorded_by="nobody", recorded_at=now
        ),
        "erasure": erasure,
        "breach": Breach.objects.create(trial=trial, title="a loss", known_at=now, opened_at=now),
        "processor": Processor.objects.create(trial=trial, name="Cloud", task="storage", contract="1", place="Oslo"),
        "transfer": Transfer.objects.create(trial=trial, recipient="Lab", country="US", safeguard="clauses"),
        "permit": Permit.objects.create(
            trial=trial, number="1", recipient="Lab", purpose="a", valid_until=now, wrapped_key=new_wrapped_key()
        ),
    }
    code = {"code": trial.code}
    return {name: code | {"pk": row.pk} for name, row in rows.items()} | {
        "register_paper": code | {"paper": "controller"}
    }


def _histories(trial: Trial, time_point: TimePoint, submission: Submission, *rows: Any) -> dict[str, dict[str, Any]]:
    series, assignment, report, membership = rows
    of_site = {
        "history_site": time_point.subject.trial_site,
        "history_subject": time_point.subject,
        "history_time_point": time_point,
        "history_query": time_point.queries.get(),
        "history_delivery": submission,
        "history_series": series,
    }
    of_trial = {
        "history_trial": trial,
        "history_charter": trial.charters.get(state="approved"),
        "history_role": membership,
        "history_assignment": assignment,
        "history_read": assignment.read,
        "history_report": report,
    }
    return {name: {"kind": row._meta.model_name, "key": str(row.pk)} for name, row in (of_site | of_trial).items()}


@pytest.fixture
def own(cast: Cast, filed: Submission) -> Objects:
    return _objects(cast.trial, cast, filed, cast.reader, cast.coordinator)


@pytest.fixture
def foreign(cast: Cast) -> Objects:
    """Another trial with other people; only the analyst and reader of it are shared, to make its objects."""
    otis, ines, lena = (person(name, f"{name.title()} Elsewhere") for name in ("otis", "ines", "lena"))
    trial = found_trial(otis, code="BOREAL")
    write_charter(trial, otis)
    trials.open_trial(by=actor_for(otis), trial=trial)
    site = add_site(trial, otis, code="cima", number="01", ae_title="")
    today = timezone.localdate()
    form = add_form(otis, trial)
    seat(trial, otis, person("mila", "Mila Elsewhere"), Role.MONITOR)
    seat(trial, otis, ines, Role.SITE_STAFF, site)
    seat(trial, otis, lena, Role.READER)
    seat(trial, otis, cast.analyst, Role.QC_ANALYST)
    subject = register(ines, site, form)
    submission = drive(send(ines, subject.time_points.get(scheduled__code="BL"), ct_series(seed="foreign")))
    trial.refresh_from_db()
    made = _objects(trial, cast, submission, lena, otis)
    with acting(STAGE, reason="years went by"):
        trial.memberships.filter(user=cast.analyst).update(
            starts=today.replace(year=2020), ends=today.replace(year=2021)
        )
    return made


def of_kind(name: str, method: str) -> dict[str, str]:
    """What a request to an address says of its body."""
    is_json = name.endswith(("complete", "manifest")) or method == "patch"
    return {"content_type": "application/json"} if is_json else {}


def ask(client: Client, method: str, name: str, arguments: dict[str, Any]) -> int:
    """The status of a bare request; whatever it did is taken back, in the browser too."""
    address = reverse(name.partition(":")[0], kwargs=arguments)
    held = SimpleCookie({cookie: morsel.value for cookie, morsel in client.cookies.items()})
    with transaction.atomic():
        status = getattr(client, method)(address, **of_kind(name, method)).status_code
        transaction.set_rollback(True)
    client.cookies = held
    return int(status)


def signed_in(cast: Cast, *, but: str = "") -> dict[str, Client]:
    """A browser for everybody, by letter: to open one takes longer than most requests."""
    browsers = {letter: Client() for letter in ROLES if letter not in but}
    for letter, client in browsers.items():
        client.force_login(getattr(cast, ROLES[letter]))
    return browsers


def faults(browsers: dict[str, Client], objects: Objects, name: str, row: Row) -> Iterator[str]:
    # PostgreSQL's fences only take away: there it is enough that what the table opens opens.
    is_fenced = connection.vendor == "postgresql"
    for letter, client in browsers.items():
        for method, allowed in row.methods():
            if is_fenced and letter not in allowed:
                continue
            status = ask(client, method, name, objects.arguments[row.takes])
            is_open = status in OPEN
            hidden = letter in "OX" or (letter == "B" and row.of_site)
            wanted = letter in allowed
            if (
                is_open != wanted
                or (not wanted and status not in (403, 404))
                or (hidden and row.takes and status != 404)
            ):
                yield f"{name} {method.upper()} as {ROLES[letter]}: {status}"


@pytest.mark.req("R-ACC-10")
def test_every_address_stands_in_the_table() -> None:
    known = (
        {name.partition(":")[0] for name in TABLE} | OWN_PAGES | BY_BODY | OF_AN_ACCOUNT | PUBLIC | set(OF_THE_VAULT)
    )
    assert set(names(get_resolver().url_patterns)) == known


@pytest.mark.req("R-ACC-10")
@pytest.mark.django_db
def test_each_role_opens_what_the_table_says_and_nothing_else(cast: Cast, own: Objects) -> None:
    browsers = signed_in(cast)
    wrong = [fault for name, row in TABLE.items() for fault in faults(browsers, own, name, row)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.req("R-ACC-11")
@pytest.mark.without_fences
@pytest.mark.django_db
def test_another_trials_objects_are_404_to_everybody(cast: Cast, foreign: Objects) -> None:
    wrong = []
    for letter, client in signed_in(cast, but=GUESSERS).items():
        for name, row in TABLE.items():
            for method, _allowed in row.methods():
                if row.takes and ask(client, method, name, foreign.arguments[row.takes]) != 404:
                    wrong.append(f"{name} {method.upper()} as {ROLES[letter]}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.req("R-ACC-12")
@pytest.mark.django_db
def test_without_signing_in_nothing_but_the_door_opens(cast: Cast, own: Objects) -> None:
    client = Client()
    for name, row in TABLE.items():
        method = "get" if row.get else "post"
        assert ask(client, method, name, own.arguments[row.takes]) in (302, 401, 403), name


@pytest.mark.req("R-ACC-13")
@pytest.mark.django_db
def test_lists_show_the_site_only_its_own(cast: Cast, own: Objects) -> None:
    client = Client()
    client.force_login(cast.brisa)
    for name in ("trial", "subject-list", "submission-list", "api-subjects", "api-time-points", "send"):
        page = client.get(reverse(name, kwargs=own.arguments["trial"])).content.decode()
        assert cast.subject_a.code not in page, name
        assert "ALBA_PACS" not in page, name
