"""An outside clock over our checkpoints (RFC 3161): what was sealed by then is not rewritten later, even by us."""

import datetime as dt

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit.actor import machine
from audit.models import Checkpoint, Stamp
from audit.services import record
from audit.stamps import StampFailed, check, fetch

EVERY = dt.timedelta(days=1)
_PATIENCE = 10.0


def stamp_last() -> Stamp | None:
    """Stamp the last checkpoint; None where it is stamped already, or there is none. Raises StampFailed."""
    if not settings.STAMP_URL:
        raise StampFailed(
            "No time-stamp service is set: name one with CORELAB_TSA_URL, its roots with CORELAB_TSA_ROOTS."
        )
    last = Checkpoint.objects.order_by("-size").first()
    if last is None or Stamp.objects.filter(size=last.size).exists():
        return None
    # Asked outside a transaction: a slow service must keep nobody waiting.
    token = fetch(settings.STAMP_URL, last.text.encode(), timeout=_PATIENCE)
    return _keep(last, token, at=check(token, last.text.encode(), roots=stamp_roots()))


def stamp_roots() -> tuple[bytes, ...]:
    """Return what settings name as roots of the outside clock, PEM, if anything."""
    return (settings.STAMP_ROOTS.read_bytes(),) if settings.STAMP_ROOTS else ()


def stamp_if_due() -> Stamp | None:
    """Stamp once a day where a service is set. Raises StampFailed."""
    latest = Stamp.objects.order_by("-at").first()
    is_due = latest is None or timezone.now() - latest.at > EVERY
    return stamp_last() if settings.STAMP_URL and is_due else None


@transaction.atomic
def _keep(checkpoint: Checkpoint, token: bytes, *, at: dt.datetime) -> Stamp:
    stamp = Stamp.objects.create(size=checkpoint.size, token=token, authority=settings.STAMP_URL[:200], at=at)
    by = machine("sealer", source="sealer", request_id="sealer")
    after = {"size": checkpoint.size, "stamped_at": at, "ours": checkpoint.at}
    record(by=by, act="checkpoint.stamped", obj=checkpoint, after=after)
    return stamp


def stamp_faults() -> list[str]:
    """Say in words which stored stamps do not fit their checkpoint."""
    if not Stamp.objects.exists():
        return []
    if not settings.STAMP_ROOTS:
        return ["the time-stamps cannot be checked: name their roots with CORELAB_TSA_ROOTS"]
    texts = dict(Checkpoint.objects.filter(size__in=Stamp.objects.values("size")).values_list("size", "text"))
    return [sentence for stamp in Stamp.objects.all() if (sentence := _fault(stamp, texts.get(stamp.size, "")))]


def _fault(stamp: Stamp, text: str) -> str:
    try:
        at = check(bytes(stamp.token), text.encode(), roots=stamp_roots())
    except StampFailed as refused:
        return f"the time-stamp of checkpoint {stamp.size} does not hold: {refused}"
    return "" if at == stamp.at else f"the time-stamp of checkpoint {stamp.size} tells another time than is stored"
