"""What the DICOM node needs of the domain: who may send, and as whom the node acts."""

from audit.actor import Actor, machine
from trials.models import Trial, TrialSite


def sender(ae_title: str) -> TrialSite | None:
    """Return the open site of an open trial that sends under this AE title, if any."""
    return (
        TrialSite.objects.select_related("trial")
        .filter(ae_title=ae_title, state=TrialSite.State.OPEN, trial__state=Trial.State.OPEN)
        .exclude(ae_title="")
        .first()
    )


def known_ae_titles() -> list[str]:
    open_sites = TrialSite.objects.filter(state=TrialSite.State.OPEN, trial__state=Trial.State.OPEN)
    return list(open_sites.exclude(ae_title="").values_list("ae_title", flat=True))


def node(*, ae_title: str, request_id: str) -> Actor:
    return machine("dicom-node", source="dicom", request_id=request_id, on_behalf_of=ae_title)
