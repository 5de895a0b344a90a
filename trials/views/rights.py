"""What a page asks before it shows something. Services ask again before they do something."""

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from audit.actor import Actor
from trials import access
from trials.models import Trial
from trials.roles import Act, reach_of


def acts_in(actor: Actor, trial: Trial) -> frozenset[Act]:
    """Return every act that a role of the actor includes in the trial, be it at one site only."""
    roles = {scope.role for scope in access.scopes(actor) if scope.trial_id == trial.pk}
    return frozenset(act for act in Act for role in roles if reach_of(role, act))


def visible_trial(actor: Actor, code: str) -> Trial:
    """Raise Http404 where the trial is foreign or does not exist."""
    return get_object_or_404(access.visible(actor, Trial.objects.select_related("sponsor")), code=code)


def trial_for(actor: Actor, code: str, act: Act) -> Trial:
    """Return the trial. Raises Http404 where it is foreign, PermissionDenied where no role has `act`."""
    trial = visible_trial(actor, code)
    if act not in acts_in(actor, trial):
        raise PermissionDenied(_("Your role in this trial does not include this."))
    return trial
