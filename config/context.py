"""What every page's frame needs: the trials a person may go to, and the tabs of the one they are in."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from trials import access
from trials.models import Trial
from trials.roles import BLINDED, Act


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of a trial: the act that shows it, the page it opens, and the pages that belong to it."""

    label: Any
    act: Act
    view: str
    members: frozenset[str] = frozenset()
    of_the_vault: bool = False


_PEOPLE = frozenset(
    {
        "site-add",
        "site-correct",
        "site-door",
        "site-dicom",
        "member-add",
        "access-review",
        "access-as-of",
        "token-list",
        "tool-list",
        "tool-revoke",
        "token-revoke",
    }
)
_OVERVIEW = frozenset({"trial-correct", "closing", "closing-close", "closing-ask", "closing-open"})
TABS = (
    Tab(
        _("Overview"),
        Act.TRIAL_VIEW,
        "trial",
        _OVERVIEW,
    ),
    Tab(
        _("Subjects"),
        Act.SUBJECT_VIEW,
        "subject-list",
        frozenset({"subject-register", "consent-form-add", "consent-form"}),
    ),
    Tab(_("Sites and people"), Act.SITE_VIEW, "site-list", _PEOPLE),
    Tab(_("Charter"), Act.CHARTER_VIEW, "charter"),
    Tab(
        _("Deliveries"),
        Act.SUBMISSION_VIEW,
        "submission-list",
        frozenset({"send", "quarantine-desk", "pixel-list", "archive-state", "quota-list"}),
    ),
    Tab(_("Reads"), Act.READ_OVERSEE, "assignment-list"),
    Tab(_("Unblinding"), Act.UNBLINDING_VIEW, "unblinding-list", frozenset({"unblinding-add", "unblinding-decide"})),
    Tab(_("Arms"), Act.ARM_VIEW, "arm-list"),
    Tab(_("Results"), Act.RESULT_VIEW, "results"),
    Tab(_("Reports"), Act.REPORT_VIEW, "report-list"),
    Tab(_("Out of analysis"), Act.DESTRUCTION_DECIDE, "seclusion-list", frozenset({"seclusion"})),
    Tab(
        _("Privacy"),
        Act.LEDGER_VIEW,
        "privacy",
        frozenset(
            {
                "retention",
                "ledger",
                "request-list",
                "request",
                "request-extend",
                "erasure-list",
                "erasure-decide",
                "trial-destroy",
                "erasure",
                "erasure-confirm",
                "breach-list",
                "breach",
                "register",
                "secondary",
            }
        ),
    ),
    Tab(_("Identities"), Act.IDENTITY_UNLOCK, "identity-list", of_the_vault=True),
    Tab(_("Audit"), Act.AUDIT_VIEW, "trial-audit", frozenset({"trial-reviews", "trail-mask"})),
    Tab(_("Audit"), Act.TRAIL_SITE, "trial-audit"),
    Tab(_("Audit"), Act.TRAIL_VEILED, "trial-audit"),
    Tab(_("Own acts"), Act.TRAIL_OWN, "trial-audit"),
)


@dataclass(frozen=True, slots=True)
class Here:
    """The trial whose address is open, the tabs its visitor may see, and which of them is current."""

    trial: Trial
    tabs: tuple[Tab, ...]
    current: str


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Give ids at once and everything that asks the database only if the page uses it."""
    frame: dict[str, Any] = {"request_id": getattr(request, "request_id", "")}
    actor: Actor | None = getattr(request, "actor", None)
    if actor is None:
        return frame
    return frame | {
        "nav_trials": SimpleLazyObject(lambda: _trials(actor)),
        "nav_is_reader": SimpleLazyObject(lambda: any(one.role in BLINDED for one in access.scopes(actor))),
        "nav_inspection": SimpleLazyObject(lambda: access.inspection_mark(actor)),
        "nav_here": SimpleLazyObject(lambda: _here(request, actor)),
    }


def _trials(actor: Actor) -> list[Trial]:
    return list(access.visible(actor, Trial.objects.only("code", "title")))


def _here(request: HttpRequest, actor: Actor) -> Here | None:
    match = request.resolver_match
    if match is None or not match.route.startswith("trials/<slug:code>/"):
        return None
    trial = access.visible(actor, Trial.objects.filter(code=match.kwargs["code"])).first()
    if trial is None:
        return None
    acts = access.acts_in(actor, trial)
    name = match.url_name or ""
    tabs = tuple(tab for tab in TABS if tab.act in acts and (settings.VAULT_ON or not tab.of_the_vault))
    current = next((tab.view for tab in tabs if name == tab.view or name in tab.members), "")
    return Here(trial=trial, tabs=tabs, current=current)
