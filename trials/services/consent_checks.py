"""The second person: a recorded paper opens gates once somebody else has confirmed it on the scan's hash."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from trials import access
from trials.agreement import State
from trials.models import Consent, Subject
from trials.roles import Act
from trials.services import consent
from trials.services.consents import ALL_CHECKS, Paper, add_row, hold


@transaction.atomic
def confirm(*, by: Actor, paper: Consent, seen: Paper, checks: tuple[str, ...]) -> Consent:
    """Confirm a recorded paper as a second person who holds its scan: only now do its modules open gates.

    Raises ValidationError: `one-person`, `checked` where it waits no more, `other-scan` where hash or length differ,
    `checklist` where a line of it does not hold (then reject it).
    """
    by, subject = _require_second(by, paper)
    if (seen.sha256, seen.pages) != (paper.scan_sha256, paper.scan_pages):
        raise ValidationError(
            _(
                "The scan you hold is not the one that was recorded: its hash or number of pages differs. Nothing was "
                "confirmed. Ask the site for the right scan, or reject this one."
            ),
            code="other-scan",
        )
    if set(checks) != ALL_CHECKS:
        raise ValidationError(
            _("Every line of the checklist must hold. Where one does not, reject the paper and say why."),
            code="checklist",
        )
    row = _judgement(paper, Consent.Kind.CONFIRMED, _waiting(paper, subject))
    row.checks = sorted(checks)
    made = add_row(by, row, after={"scan_sha256": paper.scan_sha256, "checks": row.checks})
    _enrol_again(subject)
    return made


@transaction.atomic
def reject(*, by: Actor, paper: Consent, note: str) -> Consent:
    """Refuse a recorded paper as a second person: its modules are invalid until a new one is signed.

    Raises ValidationError: `one-person`, `checked`, `no-reason`.
    """
    by, subject = _require_second(by, paper)
    if not note.strip():
        raise ValidationError(_("Tell the site what is wrong with the paper."), code="no-reason")
    row = _judgement(paper, Consent.Kind.REJECTED, _waiting(paper, subject))
    row.note = note.strip()
    return add_row(by, row, after={"scan_sha256": paper.scan_sha256}, reason=note)


def _require_second(by: Actor, paper: Consent) -> tuple[Actor, Subject]:
    by = access.require(by, Act.CONSENT_CHECK, paper.subject)
    if by.id == paper.recorded_by:
        raise ValidationError(
            _("You recorded this paper, so somebody else must check it: a colleague at the site, or the monitor."),
            code="one-person",
        )
    subject = hold(paper.subject)
    if paper.pk not in consent.standing_of(subject).pending:
        raise ValidationError(_("This paper does not wait for a check (any more)."), code="checked")
    return by, subject


def _waiting(paper: Consent, subject: Subject) -> list[str]:
    """The paper's modules that still wait: one taken back or refused since is not brought back by a check."""
    states = consent.standing_of(subject).states
    waiting = {
        place[1].value for place, each in states.items() if place[0] == paper.form_id and each.state in _CHECKABLE
    }
    return sorted(waiting & set(paper.scopes))


_CHECKABLE = frozenset({State.GIVEN, State.VALID, State.RECONSENT_DUE, State.EXPIRED})


def _judgement(paper: Consent, kind: Consent.Kind, scopes: list[str]) -> Consent:
    # The paper's own day: from then on the person had agreed.
    return Consent(
        subject=paper.subject,
        form=paper.form,
        kind=kind,
        scopes=scopes,
        language=paper.language,
        on=paper.on,
        scan_sha256=paper.scan_sha256,
        scan_pages=paper.scan_pages,
        of=paper,
    )


def _enrol_again(subject: Subject) -> None:
    standing = consent.standing_of(subject)
    if standing.level is None and subject.state == Subject.State.WITHDRAWN:
        Subject.objects.filter(pk=subject.pk).update(state=Subject.State.ENROLLED)


def pending_of(subject: Subject) -> list[Consent]:
    """The papers that wait for a second person, oldest first."""
    return list(
        Consent.objects.filter(pk__in=consent.standing_of(subject).pending).select_related("form").order_by("pk")
    )
