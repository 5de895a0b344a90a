"""What the product holds after it was hurt, counted inside it by a management shell."""

import json
import os
from pathlib import Path

from django.conf import settings
from django.db.models import Q, QuerySet

from audit.context import acting, widened
from audit.models import AuditEvent
from imaging import archive
from imaging.models import IncomingFile, Instance, Submission
from imaging.services import doors
from imaging.services.doors import Binding
from imaging.services.road import WORKING
from tests.flows import small
from tests.people import STAGE, STAGE_REASON, actor_for
from trials.models import Subject, TrialSite, User

State = Submission.State


def subject() -> str:
    with acting(STAGE, reason=STAGE_REASON), widened("the stage looks"):
        return Subject.objects.get(trial_site__trial__code=small.CODE).code


def listen(port: int) -> None:
    """Let the sender be called on this port with reports of storage commitment."""
    with acting(STAGE, reason=STAGE_REASON), widened("the stage is set"):
        site = TrialSite.objects.get(trial__code=small.CODE)
        by, binding = actor_for(User.objects.get(username="coordinator")), Binding(host="127.0.0.1", port=port)
        doors.bind(by=by, trial_site=site, binding=binding, reason="the test asks")


def told_of(act: str) -> int:
    """How many events the trail has of an act."""
    with acting(STAGE, reason=STAGE_REASON), widened("the stage looks"):
        return AuditEvent.objects.filter(act=act).count()


def parted(delivery: str) -> str:
    """How many files a delivery and each of its parts has, by its id."""
    with acting(STAGE, reason=STAGE_REASON), widened("the stage looks"):
        return json.dumps({str(one.pk): one.files.count() for one in _with_parts(delivery)})


def let_go(delivery: str) -> None:
    """End the claims of a worker that was killed, on a delivery and its parts."""
    with acting(STAGE, reason=STAGE_REASON), widened("the stage is set"):
        _with_parts(delivery).update(leased_until=None)


def _with_parts(delivery: str) -> QuerySet[Submission]:
    return Submission.objects.filter(Q(pk=delivery) | Q(parted_from=delivery))


def count() -> str:
    with acting(STAGE, reason=STAGE_REASON), widened("the stage looks"):
        rows = set(IncomingFile.objects.filter(inside__isnull=True).values_list("pk", flat=True))
        events = AuditEvent.objects.filter(object_type="imaging.IncomingFile", act="row.added")
        told = rows & {int(key) for key in events.values_list("object_id", flat=True)}
        # A sender over DICOMweb that did not say that this was all is given a minute and a half.
        is_begun = Q(state=State.RECEIVING, door=Submission.Door.DICOM)
        standing = Submission.objects.filter(is_begun | Q(state__in=WORKING)).count()
        found = {"files": len(rows), "told": len(told), "orphans": len(orphans()), "standing": standing}
    return json.dumps(found)


def orphans() -> list[str]:
    """Files of quarantine and archive that no row names, halves of writes among them."""
    known = {(str(one), f"{number:08d}") for one, number in IncomingFile.objects.values_list("submission_id", "number")}
    # A delivery that goes away meanwhile is no fault.
    found = (Path(folder) / name for folder, _folders, names in os.walk(settings.QUARANTINE_ROOT) for name in names)
    sealed = [path for path in found if path.suffix != ".lock"]
    of = {path.name: (path.relative_to(settings.QUARANTINE_ROOT).parts[0], path.name.split(".")[0]) for path in sealed}
    named = set(Instance.objects.values_list("sha256", flat=True))
    filed = set(archive.names_between("", "g")) - named if settings.ARCHIVE_ROOT.is_dir() else set()
    halves = [path.name for path in settings.ARCHIVE_ROOT.glob("??/??/.*")]
    return [name for name, place in of.items() if place not in known] + sorted(filed) + halves
