"""The access policy as one table: role × act → reach. Pure data; `trials.access` is the only reader."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    COORDINATOR = "coordinator"
    SITE_STAFF = "site_staff"
    QC_ANALYST = "qc_analyst"
    READER = "reader"
    MONITOR = "monitor"
    SPONSOR = "sponsor"
    DATA_PROTECTION_OFFICER = "data_protection_officer"
    ADJUDICATOR = "adjudicator"
    ADMINISTRATOR = "administrator"
    INSPECTOR = "inspector"
    STATISTICIAN = "statistician"
    SITE_MONITOR = "site_monitor"


class Reach(StrEnum):
    """How far an act goes: the whole trial, the member's own site in it, or what is assigned to the member."""

    TRIAL = "trial"
    SITE = "site"
    OWN = "own"


class Act(StrEnum):
    """What a person may do. (Audited acts are other words, in the past tense.)."""

    TRIAL_VIEW = "trial.view"
    TRIAL_EDIT = "trial.edit"
    CHARTER_VIEW = "charter.view"
    CHARTER_APPROVE = "charter.approve"
    SITE_VIEW = "site.view"
    SITE_NAME = "site.name"
    MEMBER_VIEW = "member.view"
    MEMBER_GRANT = "member.grant"
    SUBJECT_VIEW = "subject.view"
    SUBJECT_REGISTER = "subject.register"
    CONSENT_RECORD = "consent.record"
    SUBMISSION_VIEW = "submission.view"
    SUBMISSION_SEND = "submission.send"
    SUBMISSION_ASSIGN = "submission.assign"
    SUBMISSION_DISCARD = "submission.discard"
    QUARANTINE_VIEW = "quarantine.view"
    QUARANTINE_DECIDE = "quarantine.decide"
    SCAN_VIEW = "scan.view"
    CONFLICT_DECIDE = "conflict.decide"
    QC_DECIDE = "qc.decide"
    PIXEL_REVIEW = "pixel.review"
    READ_ASSIGN = "read.assign"
    READ_OVERSEE = "read.oversee"
    READ_VIEW = "read.view"
    READ_PERFORM = "read.perform"
    RESULT_VIEW = "result.view"
    REPORT_VIEW = "report.view"
    REPORT_BUILD = "report.build"
    AUDIT_VIEW = "audit.view"
    HISTORY_VIEW = "history.view"
    TRAIL_OWN = "trail.own"
    TRAIL_SITE = "trail.site"
    TRAIL_VEILED = "trail.veiled"
    TRAIL_REVIEW = "trail.review"
    TRAIL_MASK = "trail.mask"
    ACCESS_VIEW = "access.view"
    ACCESS_REVIEW = "access.review"
    CONSENT_CHECK = "consent.check"
    SUBJECT_RESTRICT = "subject.restrict"
    DESTRUCTION_DECIDE = "destruction.decide"
    IDENTITY_RECORD = "identity.record"
    IDENTITY_UNLOCK = "identity.unlock"
    LEDGER_VIEW = "ledger.view"
    SECONDARY_EXPORT = "secondary.export"
    REQUEST_HANDLE = "request.handle"
    ERASURE_DECIDE = "erasure.decide"
    BREACH_HANDLE = "breach.handle"
    SENDING_GRANT = "sending.grant"
    TOOL_GRANT = "tool.grant"
    TOOL_USE = "tool.use"
    DATA_CLOSE = "data.close"
    DATA_OPEN = "data.open"
    ARM_VIEW = "arm.view"
    ARM_RECORD = "arm.record"
    UNBLINDING_VIEW = "unblinding.view"
    UNBLINDING_RECORD = "unblinding.record"
    UNBLINDING_DECIDE = "unblinding.decide"


_EVERYWHERE = dict.fromkeys(Act, Reach.TRIAL)
_TOLD = (Act.TRIAL_VIEW, Act.CHARTER_VIEW, Act.RESULT_VIEW, Act.REPORT_VIEW)

# The trial, its plan, its sites and its people.
_WHO_AND_WHERE = (Act.TRIAL_VIEW, Act.CHARTER_VIEW, Act.SITE_VIEW, Act.SITE_NAME, Act.MEMBER_VIEW)

# What is seen of a site by who works there, or visits it.
_AT_A_SITE = (
    Act.SITE_VIEW,
    Act.SITE_NAME,
    Act.SUBJECT_VIEW,
    Act.CONSENT_CHECK,
    Act.SUBMISSION_VIEW,
    Act.SCAN_VIEW,
)

TABLE: dict[Role, dict[Act, Reach]] = {
    # Runs the trial's data, but neither sends, judges, reads, masks nor grants roles: those hands stay apart (C01).
    Role.COORDINATOR: {
        act: reach
        for act, reach in _EVERYWHERE.items()
        if act
        not in {
            Act.MEMBER_GRANT,
            Act.SUBMISSION_SEND,
            Act.QC_DECIDE,
            Act.PIXEL_REVIEW,
            Act.READ_PERFORM,
            Act.TRAIL_MASK,
            # A signed form bears a name: who checks it stands at the site, or monitors it there.
            Act.CONSENT_CHECK,
            Act.DESTRUCTION_DECIDE,
            Act.TRAIL_OWN,
            Act.TRAIL_SITE,
            Act.TRAIL_VEILED,
            Act.ACCESS_VIEW,
            Act.ACCESS_REVIEW,
            Act.IDENTITY_RECORD,
            Act.IDENTITY_UNLOCK,
            Act.REQUEST_HANDLE,
            Act.ERASURE_DECIDE,
            Act.BREACH_HANDLE,
            # The arm is for who is unblinded by duty, and for nobody who touches data (design 3e).
            Act.ARM_VIEW,
            Act.ARM_RECORD,
        }
    },
    Role.SITE_STAFF: dict.fromkeys((Act.TRIAL_VIEW, Act.CHARTER_VIEW, Act.TRAIL_OWN), Reach.TRIAL)
    | dict.fromkeys(
        (
            *_AT_A_SITE,
            Act.SUBJECT_REGISTER,
            Act.CONSENT_RECORD,
            Act.SUBMISSION_SEND,
            Act.SUBMISSION_ASSIGN,
            Act.SUBMISSION_DISCARD,
            Act.SENDING_GRANT,
            Act.IDENTITY_RECORD,
            # Asks, or agrees to what another asks: never both.
            Act.IDENTITY_UNLOCK,
        ),
        Reach.SITE,
    ),
    # Knows sites by number and code, never by name: a known hospital must not make a scan look better.
    Role.QC_ANALYST: {
        Act.TRIAL_VIEW: Reach.TRIAL,
        Act.CHARTER_VIEW: Reach.TRIAL,
        Act.SITE_VIEW: Reach.TRIAL,
        Act.SUBJECT_VIEW: Reach.TRIAL,
        Act.SUBMISSION_VIEW: Reach.TRIAL,
        Act.SCAN_VIEW: Reach.TRIAL,
        Act.QUARANTINE_VIEW: Reach.TRIAL,
        Act.QC_DECIDE: Reach.TRIAL,
        Act.PIXEL_REVIEW: Reach.TRIAL,
        Act.TRAIL_OWN: Reach.TRIAL,
        Act.TOOL_USE: Reach.TRIAL,
    },
    # A reader meets a case through an assignment and nothing else: no site, no subject, no other reader.
    Role.READER: {Act.READ_VIEW: Reach.OWN, Act.READ_PERFORM: Reach.OWN},
    # As blind as a reader, and reads nothing: only cases given to the adjudicator are theirs.
    Role.ADJUDICATOR: {Act.READ_VIEW: Reach.OWN},
    # Watches over the trial as a whole, from the office; who visits a site is the site's monitor, below.
    Role.MONITOR: dict.fromkeys(
        (
            *_WHO_AND_WHERE,
            Act.SUBJECT_VIEW,
            Act.CONSENT_CHECK,
            Act.SCAN_VIEW,
            Act.RESULT_VIEW,
            Act.REPORT_VIEW,
            Act.AUDIT_VIEW,
            Act.HISTORY_VIEW,
            Act.TRAIL_REVIEW,
            Act.UNBLINDING_VIEW,
        ),
        Reach.TRIAL,
    ),
    Role.SPONSOR: dict.fromkeys(
        (
            *_TOLD,
            Act.DESTRUCTION_DECIDE,
            # Without people, sites, readers, dates and free text (design 3e).
            Act.TRAIL_VEILED,
            # Answers for edits being closed before the analysis (E6 3.16.1(r)), so may agree to their opening.
            Act.DATA_OPEN,
        ),
        Reach.TRIAL,
    ),
    Role.DATA_PROTECTION_OFFICER: dict.fromkeys(
        (
            *_WHO_AND_WHERE,
            Act.ACCESS_VIEW,
            Act.SUBJECT_VIEW,
            Act.SUBMISSION_VIEW,
            Act.SUBMISSION_DISCARD,
            Act.QUARANTINE_VIEW,
            Act.QUARANTINE_DECIDE,
            Act.AUDIT_VIEW,
            Act.HISTORY_VIEW,
            Act.TRAIL_REVIEW,
            Act.TRAIL_MASK,
            Act.SUBJECT_RESTRICT,
            Act.DESTRUCTION_DECIDE,
            Act.IDENTITY_UNLOCK,
            Act.LEDGER_VIEW,
            Act.REQUEST_HANDLE,
            Act.ERASURE_DECIDE,
            Act.BREACH_HANDLE,
        ),
        Reach.TRIAL,
    ),
    # Says who may what, and touches no data: no subject, no image, no result (C01, EMA A3.3).
    Role.ADMINISTRATOR: dict.fromkeys(
        (
            *_WHO_AND_WHERE,
            Act.MEMBER_GRANT,
            Act.ACCESS_VIEW,
            Act.ACCESS_REVIEW,
            Act.AUDIT_VIEW,
            Act.DATA_OPEN,
        ),
        Reach.TRIAL,
    ),
    # Sees everything of the trial and changes nothing (C07).
    Role.INSPECTOR: dict.fromkeys(
        (
            *_WHO_AND_WHERE,
            Act.ACCESS_VIEW,
            Act.SUBJECT_VIEW,
            Act.SUBMISSION_VIEW,
            Act.QUARANTINE_VIEW,
            Act.SCAN_VIEW,
            Act.READ_VIEW,
            Act.READ_OVERSEE,
            Act.RESULT_VIEW,
            Act.REPORT_VIEW,
            Act.AUDIT_VIEW,
            Act.HISTORY_VIEW,
            Act.LEDGER_VIEW,
            Act.UNBLINDING_VIEW,
        ),
        Reach.TRIAL,
    ),
    # Unblinded: the arm, and what reads came to; never images, records of subjects or the people who read.
    Role.STATISTICIAN: dict.fromkeys((*_TOLD, Act.TRAIL_OWN, Act.ARM_VIEW, Act.ARM_RECORD), Reach.TRIAL),
    # Visits one site, sees what it has and did, its trail too, and no result: of other sites nothing (design 3e).
    Role.SITE_MONITOR: dict.fromkeys((Act.TRIAL_VIEW, Act.CHARTER_VIEW), Reach.TRIAL)
    | dict.fromkeys((*_AT_A_SITE, Act.TRAIL_SITE), Reach.SITE),
}

# Roles that stand on one site of a trial; every other role stands on the trial.
SITE_ROLES = frozenset({Role.SITE_STAFF, Role.SITE_MONITOR})

# Roles that see no arm, site, other reader, name of a file, nor dates: by no channel (I04).
BLINDED = frozenset({Role.READER, Role.ADJUDICATOR})

# Roles of visitors: none stands without an end, and no longer than so many days at a time (C07).
LONGEST_DAYS: dict[Role, int] = {Role.MONITOR: 365, Role.SITE_MONITOR: 365, Role.INSPECTOR: 90}

# Roles without which a trial cannot go on.
INDISPENSABLE = frozenset({Role.COORDINATOR, Role.ADMINISTRATOR})


@dataclass(frozen=True, slots=True)
class Scope:
    """One right of one person: a role on a trial, or on one site of it."""

    role: Role
    trial_id: int
    trial_site_id: int | None


@dataclass(frozen=True, slots=True)
class Road:
    """How a model answers to Trial, TrialSite and owner: Django lookup paths ("" = no such path, "self" = itself)."""

    # The act that lets a person see its rows at all.
    view: Act
    trial: str
    site: str = ""
    owner: str = ""


def reach_of(role: Role, act: Act) -> Reach | None:
    return TABLE[role].get(act)
