"""The trial VEGA on the shared stack, for DICOM tools: subjects, people, a sender and tools of its own."""

import datetime as dt
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError

from audit.context import acting, widened
from audit.models import AuditEvent
from config.demo.people import ORGANISATION
from imaging.models import IncomingFile, Instance, Study, Tool
from imaging.services import doors, sending, tools
from imaging.services.doors import Binding
from tests.cast import (
    TODAY,
    actor_for,
    add_form,
    add_site,
    found_trial,
    person,
    register,
    seat,
    withdraw,
    write_charter,
)
from tests.imaging.scans import ct_series
from tests.people import STAGE, STAGE_REASON
from tests.stack import Stack, wait_until
from trials.agreement import Level
from trials.models import Subject, TrialSite, User
from trials.roles import Role
from trials.services import trials

CODE, SENDER = "VEGA", "VEGA_PACS"
LOOPBACK = "127.0.0.1"
SLICES = 6


@dataclass(frozen=True, slots=True)
class Vega:
    """The stack, and the code of the subject whose baseline of SLICES images is filed."""

    stack: Stack
    subject: str

    def tell(self, words: str) -> Any:
        """What one of the functions below gives, asked of the product by a management shell."""
        code = f"import json; from tests.wire import vega; print(json.dumps(vega.staged(lambda: vega.{words})))"
        return json.loads(self.stack.shell(code).splitlines()[-1])


def found(stack: Stack) -> Vega:
    subject = Vega(stack, "").tell("begin()")
    vega = Vega(stack, str(subject))
    wait_until(lambda: vega.tell(f"filed({subject!r})") == SLICES, log=stack.log)
    return vega


def staged(call: Any) -> Any:
    with acting(STAGE, reason=STAGE_REASON), widened("the stage is set"):
        return call()


def begin() -> str:
    """Found the trial where no other test did, and send a baseline down the road; returns its subject."""
    if Subject.objects.filter(trial_site__trial__code=CODE).exists():
        return Subject.objects.filter(trial_site__trial__code=CODE).earliest("pk").code
    names = {"lead": Role.COORDINATOR, "staff": Role.SITE_STAFF, "analyst": Role.QC_ANALYST, "monitor": Role.MONITOR}
    people = {name: person(f"vega_{name}", f"Vera {name.title()}") for name in names}
    # Theirs has its letter on file from the demo's beginning.
    User.objects.filter(username__startswith="vega_").update(organisation=ORGANISATION)
    people = {name: User.objects.get(pk=user.pk) for name, user in people.items()}
    trial = found_trial(people["lead"], code=CODE)
    write_charter(trial, people["lead"])
    trials.open_trial(by=actor_for(people["lead"]), trial=trial)
    site = add_site(trial, people["lead"], code="vega", number="01", ae_title=SENDER)
    add_form(people["lead"], trial)
    for name in ("staff", "analyst", "monitor"):
        role = names[name]
        seat(trial, people["lead"], people[name], role, site if role is Role.SITE_STAFF else None)
    return enrol(seed="vega")


def enrol(*, seed: str) -> str:
    """A subject whose baseline is on its way."""
    site = TrialSite.objects.get(trial__code=CODE)
    staff = User.objects.get(username="vega_staff")
    subject = register(staff, site, site.trial.consent_forms.get())
    files = ct_series(SLICES, seed=seed, patient_id=f"QX{seed}", name=f"{seed}^Zweistein")
    point = subject.time_points.get(scheduled__code="BL")
    sending.send_whole(by=actor_for(staff), time_point=point, files=files)
    return subject.code


def filed(subject: str) -> int:
    return Instance.objects.filter(series__study__time_point__subject__code=subject).count()


def studies(subject: str) -> list[str]:
    return list(Study.objects.filter(time_point__subject__code=subject).values_list("uid", flat=True))


def tool(ae_title: str, *, port: int | None = None, purpose: str = "read", network: str = LOOPBACK) -> str:
    lead = User.objects.get(username="vega_lead")
    new = tools.NewTool(
        label=ae_title.lower(),
        ae_title=ae_title,
        holder=User.objects.get(username="vega_analyst"),
        purpose=Tool.Purpose(purpose),
        binding=Binding(networks=[network], host=network if port else "", port=port),
        ends_on=TODAY + dt.timedelta(days=1),
        reason="the test asks",
    )
    return tools.register(by=actor_for(lead), trial=TrialSite.objects.get(trial__code=CODE).trial, new=new).ae_title


def revoke(ae_title: str) -> None:
    lead = User.objects.get(username="vega_lead")
    tools.revoke(by=actor_for(lead), tool=Tool.objects.get(ae_title=ae_title), reason="it was lost")


def listen(port: int | None) -> None:
    """Where the sender takes reports of storage commitment; None: nowhere."""
    lead, site = User.objects.get(username="vega_lead"), TrialSite.objects.get(trial__code=CODE)
    binding = Binding(host=LOOPBACK if port else "", port=port)
    doors.bind(by=actor_for(lead), trial_site=site, binding=binding, reason="the test asks")


def take_consent_back(subject: str) -> None:
    staff = User.objects.get(username="vega_staff")
    for _ in range(4):
        # The running product may check a delivery between the preview and the withdrawal: who looks again may go on.
        with suppress(ValidationError):
            withdraw(staff, Subject.objects.get(code=subject), Level.W6)
            return
    withdraw(staff, Subject.objects.get(code=subject), Level.W6)


def told(act: str) -> list[dict[str, Any]]:
    """What the trail keeps of an act in this trial, oldest first."""
    rows = AuditEvent.objects.filter(trial_code=CODE, act=act).order_by("sequence")
    return [{"by": one.actor_id, "for": one.on_behalf_of, **json.loads(one.after or "{}")} for one in rows]


def kept() -> tuple[int, int, int]:
    """Files that are recorded, how many of them the trail tells of, and sealed files that no row names."""
    rows = set(IncomingFile.objects.filter(submission__trial_site__trial__code=CODE).values_list("pk", flat=True))
    events = AuditEvent.objects.filter(object_type="imaging.IncomingFile", act="row.added")
    told = rows & {int(key) for key in events.values_list("object_id", flat=True)}
    known = IncomingFile.objects.values_list("submission_id", "number")
    named = {(str(submission), f"{number:08d}") for submission, number in known}
    sealed = [path for path in settings.QUARANTINE_ROOT.rglob("*") if path.is_file() and path.suffix != ".lock"]
    of = {(path.relative_to(settings.QUARANTINE_ROOT).parts[0], path.name.split(".")[0]) for path in sealed}
    return len(rows), len(told), len(of - named)
