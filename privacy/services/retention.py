"""Setting a trial's clock of retention (CTR 58, GDPR 5(1)(e))."""

import datetime as dt

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.context import because, require_reason
from audit.services import record
from trials import access, refusals
from trials.models import Retention, Trial
from trials.roles import Act


@refusals.told("privacy.refused")
@transaction.atomic
def set_clock(
    *, by: Actor, trial: Trial, years: int, rule: str, ended_on: dt.date | None, reason: str = ""
) -> Retention:
    """Set or change the clock; a change carries a reason.

    Raises ValidationError: `future` for an end to come, `no-reason`, and the model's own (fewer years than the law's).
    """
    by = access.require(by, Act.REQUEST_HANDLE, trial)
    if ended_on is not None and ended_on > timezone.localdate():
        raise ValidationError({"ended_on": ValidationError(_("That day has not come yet."), code="future")})
    clock = Retention.objects.select_for_update(no_key=True).filter(trial=trial).first() or Retention(trial=trial)
    before = _told(clock) if clock.pk else {}
    clock.years, clock.rule, clock.ended_on = years, rule.strip(), ended_on
    if before == _told(clock):
        raise ValidationError(_("Nothing differs from what is saved, so nothing was changed."), code="same")
    if before:
        require_reason(reason)
    clock.full_clean()
    with because(reason):
        clock.save()
    record(
        by=by, act="retention.set", obj=clock, trial_code=trial.code, before=before, after=_told(clock), reason=reason
    )
    return clock


def _told(clock: Retention) -> dict[str, object]:
    return {"years": clock.years, "rule": clock.rule, "ended_on": clock.ended_on}
