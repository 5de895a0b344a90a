"""What the doors for machines need of the domain: who may send, and as whom the node acts."""

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from audit.actor import Actor, machine
from trials.models import ConsentFormApproval, Trial, TrialSite


def sender(ae_title: str) -> TrialSite | None:
    """Return the open site of an open trial that sends under this AE title, if any."""
    return _open_sites().exclude(ae_title="").select_related("trial").filter(ae_title=ae_title).first()


def known_ae_titles() -> list[str]:
    return list(_open_sites().exclude(ae_title="").values_list("ae_title", flat=True))


def is_open(trial_site: TrialSite) -> bool:
    """Whether machines of this site may send now."""
    return _open_sites().filter(pk=trial_site.pk).exists()


def _open_sites() -> QuerySet[TrialSite]:
    """Sites that may send: some version of the consent form is approved for them, too (V02)."""
    is_live = Exists(
        ConsentFormApproval.objects.filter(trial_site=OuterRef("pk"), approved_on__lte=timezone.localdate())
    )
    return TrialSite.objects.filter(is_live, state=TrialSite.State.OPEN, trial__state=Trial.State.OPEN)


def node(*, ae_title: str, request_id: str) -> Actor:
    return machine("dicom-node", source="dicom", request_id=request_id, on_behalf_of=ae_title)
