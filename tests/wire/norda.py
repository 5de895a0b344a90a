"""The trial NORDA beside the demo of the shared stack, for peers that speak DICOMweb: subjects and people of its own."""

import re
from dataclasses import dataclass

import requests

from audit.context import acting
from endpoints.services import assignments, reads
from imaging.models import QCDecision, Series
from tests.flows import small
from tests.people import PASSWORD, STAGE, STAGE_REASON, TODAY, actor_for
from tests.signing import decide
from tests.stack import Session, Stack
from trials.models import Subject, TimePoint, User

_SECRET = re.compile(r"cls_[0-9A-Za-z_-]{48}")
_OPTION = re.compile(r'<option value="([0-9]+)"')


@dataclass(frozen=True, slots=True)
class Norda:
    """What peers need: the code of its subject, a token of its site, and the stack."""

    stack: Stack
    subject: str
    secret: str

    def person(self, username: str) -> requests.Session:
        """The cookies of somebody who signed in."""
        return Session(self.stack.address, username, PASSWORD).http

    def sender(self) -> requests.Session:
        http = requests.Session()
        http.headers["Authorization"] = f"Bearer {self.secret}"
        return http

    def told(self, words: str) -> str:
        """The last word that a management shell prints."""
        return self.stack.shell(f"from tests.wire import norda; {words}").split()[-1]


def found(stack: Stack) -> Norda:
    small.seed(stack)
    made = Norda(stack, "", "")
    return Norda(stack, made.told("norda.print_subject()"), new_token(stack))


def new_token(stack: Stack) -> str:
    """Made by site staff on their page, where it stands once."""
    staff = Session(stack.address, "site_staff", PASSWORD)
    path = f"/trials/{small.CODE}/tokens/"
    (site,) = _OPTION.findall(staff.get(path).text)
    last = TODAY.replace(month=12, day=31).isoformat()
    page = staff.post(path, trial_site=site, label="PACS", ends_on=last, reason="it sends scans").text
    (secret,) = _SECRET.findall(page)
    assert secret not in staff.get(path).text
    return str(secret)


def print_subject() -> None:
    print(Subject.objects.get(trial_site__trial__code=small.CODE).code)  # noqa: T201  read by the test


def print_case() -> None:
    """Accept the baseline and give it to the reader, opened."""
    with acting(STAGE, reason=STAGE_REASON):
        people = {name: User.objects.get(username=name) for name in ("coordinator", "qc_analyst", "reader")}
        point = TimePoint.objects.get(subject__trial_site__trial__code=small.CODE, scheduled__code="BL")
        decide(people["qc_analyst"], point, QCDecision.Verdict.ACCEPTED)
        case = assignments.assign(by=actor_for(people["coordinator"]), time_point=point, reader=people["reader"])
        reads.open_read(by=actor_for(people["reader"]), assignment=case)
        assert Series.objects.filter(study__time_point=point).exists()
    print(case.pk)  # noqa: T201  read by the test
