"""The core lab's own DICOM tools: registered by a person with a reason and a last day, asked anew at every act."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor, machine
from audit.context import acting, because, require_reason, widened
from audit.english import in_english
from audit.selectors import history
from audit.services import record
from imaging.dicomweb.shelf import Held
from imaging.models import Study, Tool
from imaging.selectors import tools_in_force
from imaging.services.doors import Binding, Caller, is_bound, node
from imaging.services.retrieval import TrialShelf, leaving
from trials import access
from trials.agreement import Gate
from trials.models import Trial, TrialSite, User
from trials.roles import Act, Role, reach_of
from trials.services.ledger import Leaving, disclose

LONGEST_DAYS = 366
_QUIET = dt.timedelta(hours=1)
# What a tool does with images, and which consent is asked when it takes them.
GATES = {
    Tool.Purpose.READ: Gate.READ,
    Tool.Purpose.COMPUTE: Gate.COMPUTE,
    Tool.Purpose.EXPORT: Gate.EXPORT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTool:
    """What a person says of a tool when registering it; `holder` is whose rights it has."""

    label: str
    ae_title: str
    holder: User
    purpose: Tool.Purpose
    binding: Binding
    ends_on: dt.date
    reason: str


def holders_of(trial: Trial) -> QuerySet[User]:
    """The people of the core laboratory in whose name a tool may call."""
    roles = [role for role in Role if reach_of(role, Act.TOOL_USE)]
    seats = access.current_memberships().filter(trial=trial, role__in=roles)
    return User.objects.filter(pk__in=seats.values("user"), is_active=True).order_by("username")


def register(*, by: Actor, trial: Trial, new: NewTool) -> Tool:
    """Let a tool call until its last day. Raises ValidationError.

    `no-reason`, `ends`, `holder` where that person may not use tools here, `network` where none is told, `certificate`
    where the node speaks TLS and none is told, `listens`, `taken` where the name is another's.
    """
    by = access.require(by, Act.TOOL_GRANT, trial)
    require_reason(new.reason)
    _refuse(new, trial)
    told = new.binding.read()
    _refuse_unbound(told["networks"], told["certificate_sha256"])
    tool = Tool(
        trial=trial,
        label=new.label,
        ae_title=new.ae_title,
        holder=new.holder,
        purpose=new.purpose,
        ends_on=new.ends_on,
        reason=new.reason,
        granted_at=timezone.now(),
        granted_by=by.id,
        **told,
    )
    return _register(by, tool)


def _register(by: Actor, tool: Tool) -> Tool:
    after: dict[str, Any] = {
        "label": tool.label,
        "ae_title": tool.ae_title,
        "holder": tool.holder.username,
        "purpose": tool.purpose,
    }
    after |= {"networks": tool.networks, "certificate_sha256": tool.certificate_sha256, "ends_on": tool.ends_on}
    try:
        with transaction.atomic():
            tool.save(force_insert=True)
            code = tool.trial.code
            record(by=by, act="tool.registered", obj=tool, trial_code=code, after=after, reason=tool.reason)
    except IntegrityError:
        raise _taken() from None
    return tool


def _refuse(new: NewTool, trial: Trial) -> None:
    if not 0 <= (new.ends_on - timezone.localdate()).days <= LONGEST_DAYS:
        words = _("Choose a day from today to a year from now.")
        raise ValidationError({"ends_on": ValidationError(words, code="ends")})
    if not holders_of(trial).filter(pk=new.holder.pk).exists():
        words = _("That person does not work with images of this trial for the core laboratory.")
        raise ValidationError({"holder": ValidationError(words, code="holder")})
    with widened("an AE title is one caller's in all trials"):
        is_taken = TrialSite.objects.filter(ae_title=new.ae_title).exists()
    if is_taken or new.ae_title == settings.DICOM_AE_TITLE:
        raise _taken()


def _taken() -> ValidationError:
    words = _("Another sender or tool goes by this AE title. Choose one of its own; nothing was registered.")
    return ValidationError({"ae_title": ValidationError(words, code="taken")})


def _refuse_unbound(networks: list[str], certificate: str) -> None:
    if not networks:
        words = _("Tell at least one network that the tool calls from; a name alone opens nothing.")
        raise ValidationError({"networks": ValidationError(words, code="network")})
    if settings.DICOM_TLS_CERTIFICATE and not certificate:
        words = _("The DICOM node speaks TLS, so a tool is known by its certificate, too.")
        raise ValidationError({"certificate": ValidationError(words, code="certificate")})


@transaction.atomic
def revoke(*, by: Actor, tool: Tool, reason: str) -> None:
    """End a tool at once. Raises ValidationError: `no-reason`, `wrong-state` where it was revoked before."""
    by = access.require(by, Act.TOOL_GRANT, tool)
    require_reason(reason)
    with because(reason):
        standing = Tool.objects.filter(pk=tool.pk, revoked_at__isnull=True)
        if not standing.update(revoked_at=timezone.now(), revoked_by=by.id):
            raise ValidationError(_("This tool was revoked already. Nothing was changed."), code="wrong-state")
        record(
            by=by, act="tool.revoked", obj=tool, trial_code=tool.trial.code, after={"label": tool.label}, reason=reason
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A tool whose right was asked just now; `by` acts for its holder."""

    tool: Tool
    by: Actor

    def shelf(self, destination: Tool | None = None) -> TrialShelf:
        """What it may see of its trial's archive; images go out under the consent for what both ends are for."""
        ends = [self.tool, destination] if destination else [self.tool]
        gates = tuple(dict.fromkeys(GATES[Tool.Purpose(end.purpose)] for end in ends))
        return TrialShelf(by=self.by, trial=self.tool.trial, gates=gates)

    def destination(self, ae_title: str) -> Tool | None:
        """Where images may be moved to: a tool of the same trial that is in force and listens."""
        with acting(node(ae_title=self.tool.ae_title, request_id=self.by.request_id)):
            rows = tools_in_force().filter(trial=self.tool.trial, ae_title=ae_title, host__isnull=False)
            found = rows.first()
        return found if found is not None and _may_use(found, self.by.request_id) else None

    def tell_taken(self, held: Sequence[Held], *, service: str, destination: Tool | None) -> None:
        """Keep on each study how many of its images go out, to whom; and in the ledger that they left."""
        counts, trial = Counter(one.study for one in held), self.tool.trial
        end = destination or self.tool
        with transaction.atomic(), acting(self.by):
            studies = list(Study.objects.filter(uid__in=counts).select_related("time_point__subject"))
            for study in studies:
                after = {"what": service, "objects": counts[study.uid], "tool": self.tool.label, "to": end.ae_title}
                record(by=self.by, act="images.retrieved", obj=study, trial_code=trial.code, after=after)
            subjects = [study.time_point.subject.code for study in studies]
            disclose(by=self.by, trial=trial, leaving=_leaving(held, subjects, end))

    def tell(self, act: str, *, after: Mapping[str, object]) -> None:
        """Keep what the tool did, beside the tool."""
        with transaction.atomic(), acting(self.by):
            record(by=self.by, act=act, obj=self.tool, trial_code=self.tool.trial.code, after=after)


@in_english
def _leaving(held: Sequence[Held], subjects: Sequence[str], end: Tool) -> Leaving:
    """Name who receives: for a tool that hands on it is the sponsor, else the organisation of its holder."""
    purpose = Tool.Purpose(end.purpose)
    handed_on = f"{end.trial.sponsor.name}, by {end.label}" if purpose is Tool.Purpose.EXPORT else ""
    return leaving(held, subjects=subjects, purpose=purpose.label, recipient=handed_on, gate=GATES[purpose])


def admit(*, ae_title: str, caller: Caller, request_id: str) -> Admitted:
    """Ask everything about a calling tool anew. Raises PermissionDenied; a tool that is known leaves an event then."""
    by = node(ae_title=ae_title, request_id=request_id)
    with acting(by):
        tool = tools_in_force().filter(ae_title=ae_title).first()
        if tool is not None and is_bound(tool, caller) and (actor := _may_use(tool, request_id)):
            return Admitted(tool=tool, by=actor)
        _tell_refused(by, ae_title)
    raise PermissionDenied(_("This name is no tool of the core laboratory, or is so no longer."))


def _may_use(tool: Tool, request_id: str) -> Actor | None:
    """The tool as an actor with the rights its holder has today; None where they do not reach so far."""
    who = machine("dicom-tool", source="dicom", request_id=request_id, on_behalf_of=tool.holder.username)
    actor = replace(who, user_id=tool.holder_id, memo={})
    with acting(actor):
        try:
            access.require_in(actor, Act.TOOL_USE, tool.trial)
            return access.require_in(actor, Act.SCAN_VIEW, tool.trial)
        except PermissionDenied:
            return None


def _tell_refused(by: Actor, ae_title: str) -> None:
    known = Tool.objects.filter(ae_title=ae_title).select_related("trial").order_by("-granted_at").first()
    if known is None:
        return
    if not history(known).filter(act="tool.refused", at__gt=timezone.now() - _QUIET).exists():
        with transaction.atomic():
            record(by=by, act="tool.refused", obj=known, trial_code=known.trial.code, after={"label": known.label})
