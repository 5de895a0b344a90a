"""What a site is told of its DICOM line: who called in its name and what came of it, and our test calls to it."""

import datetime as dt
import uuid
from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.context import acting, admit
from audit.services import Thing, record
from imaging.models import Call, Door, Echo
from imaging.services import doors, refusing
from imaging.services.doors import Caller
from trials import access
from trials.models import TrialSite
from trials.roles import Act

KEPT = 20
# The node tries within a second or two and gives up in less than this.
GIVEN_UP = dt.timedelta(minutes=1)
# A test is one call to one registered address: nothing that could be used to knock at many.
BETWEEN = dt.timedelta(seconds=10)


def note(
    *,
    ae_title: str,
    address: str,
    result: Call.Result,
    stored: int = 0,
    refused: int = 0,
    reasons: Mapping[str, int] | None = None,
) -> bool:
    """Remember a call for the site whose AE title was named; False where that is none: a stranger's, or a tool's.

    `reasons` are sentences on objects that were refused for what they are, with how often each was said.
    """
    by = doors.node(ae_title=ae_title, request_id=uuid.uuid4().hex)
    with acting(by), transaction.atomic():
        site = TrialSite.objects.exclude(ae_title="").filter(ae_title=ae_title).first()
        if site is None:
            return False
        Call.objects.create(
            trial_site=site,
            ae_title=ae_title,
            address=address.removeprefix("::ffff:"),
            at=timezone.now(),
            result=result,
            stored=stored,
            refused=refused,
        )
        if reasons:
            refusing.tell(by=by, trial_site=site, reasons=reasons)
        kept = site.calls.order_by("-id").values_list("pk", flat=True)[:KEPT]
        site.calls.exclude(pk__in=list(kept)).delete()
    return True


@transaction.atomic
def note_stranger(*, address: str) -> None:
    """Record that something called the node that did not keep to the protocol, or has no name here."""
    by = doors.node(ae_title="", request_id=uuid.uuid4().hex)
    with acting(by):
        line = Thing(kind="imaging.Line", key=address, name=address)
        reason = "It made no association: it is not known here, or does not speak DICOM. Nothing was taken."
        record(by=by, act="line.refused", obj=line, reason=reason)


def why_refused(*, ae_title: str, called: str, own: str, caller: Caller) -> Call.Result:
    """Why an association under the name of a site was turned away."""
    if called != own:
        return Call.Result.WRONG_NAME
    with acting(doors.node(ae_title=ae_title, request_id=uuid.uuid4().hex)):
        is_known = ae_title in doors.known_ae_titles(caller)
    return Call.Result.TOO_MANY if is_known else Call.Result.NOT_BOUND


@transaction.atomic
def ask_echo(*, by: Actor, trial_site: TrialSite) -> Echo:
    """Have the node make a C-ECHO to where the site's sender is registered to listen, and nowhere else.

    Raises ValidationError: `nowhere` without such an address, `busy` right after another test.
    """
    by = access.require(by, Act.SENDING_GRANT, trial_site)
    TrialSite.objects.select_for_update(of=("self",)).get(pk=trial_site.pk)
    door = Door.objects.filter(trial_site=trial_site, host__isnull=False).first()
    if door is None or door.port is None or not trial_site.ae_title:
        words = _(
            "No address is registered at which this site's DICOM receiver listens. Ask the coordinator to enter it."
        )
        raise ValidationError(words, code="nowhere")
    now = timezone.now()
    give_up(trial_site)
    if trial_site.echoes.filter(result=Echo.Result.WAITING).exists() or _is_recent(trial_site, now):
        raise ValidationError(_("A test was made just now. Wait a few seconds, then try again."), code="busy")
    _forget(trial_site)
    echo = Echo.objects.create(
        trial_site=trial_site, host=str(door.host), port=door.port, ae_title=trial_site.ae_title,
        asked_at=now, asked_by=by.id,
    )  # fmt: skip
    record(by=by, act="line.echo_asked", obj=trial_site, trial_code=trial_site.trial.code)
    return echo


def _is_recent(trial_site: TrialSite, now: dt.datetime) -> bool:
    return trial_site.echoes.filter(asked_at__gt=now - BETWEEN).exists()


def _forget(trial_site: TrialSite) -> None:
    newest = trial_site.echoes.order_by("-id").values_list("pk", flat=True)[: KEPT - 1]
    trial_site.echoes.exclude(pk__in=list(newest)).delete()


def is_given_up(echo: Echo) -> bool:
    """Whether the node should have tried by now."""
    return echo.asked_at < timezone.now() - GIVEN_UP


def give_up(trial_site: TrialSite) -> None:
    """End what the node did not come to, as while it does not run."""
    late = trial_site.echoes.filter(result=Echo.Result.WAITING, asked_at__lt=timezone.now() - GIVEN_UP)
    late.update(result=Echo.Result.NOT_TRIED, ended_at=timezone.now())


def waiting_echoes() -> list[Echo]:
    rows = Echo.objects.filter(result=Echo.Result.WAITING, asked_at__gte=timezone.now() - GIVEN_UP)
    return list(rows.select_related("trial_site").order_by("id")[:4])


def door_of(echo: Echo) -> Door | None:
    """Return the door of the site where it is still what it was when the test was asked for."""
    return Door.objects.filter(trial_site=echo.trial_site_id, host=echo.host, port=echo.port).first()


def end_echo(*, by: Actor, echo: Echo, result: Echo.Result) -> None:
    admit(by)
    Echo.objects.filter(pk=echo.pk, result=Echo.Result.WAITING).update(result=result, ended_at=timezone.now())
