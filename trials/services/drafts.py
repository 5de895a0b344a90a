"""The draft of a charter, held while it is written on. Rows of a trial's charters are locked first, the chain after."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from trials.models import Charter


def locked(charter: Charter) -> Charter:
    """Return the charter as it is now; all versions of the trial are held until the transaction ends.

    Foreign keys may still point at them meanwhile, so nobody who holds the audit chain waits for us.
    """
    versions = Charter.objects.select_for_update(of=("self",), no_key=True).select_related("trial")
    rows = versions.filter(trial_id=charter.trial_id).order_by("pk")
    return next(row for row in rows if row.pk == charter.pk)


def locked_draft(charter: Charter) -> Charter:
    """Return the draft, held. Raises ValidationError (`frozen`)."""
    charter = locked(charter)
    if charter.state != Charter.State.DRAFT:
        raise frozen()
    return charter


def frozen() -> ValidationError:
    return ValidationError(_("This charter is frozen. Start a new version to change it."), code="frozen")
