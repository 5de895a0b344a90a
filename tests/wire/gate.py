"""A subject of the trial NORDA for the gateway, and the trial itself where no other test founded it yet."""

from audit.context import acting, widened
from imaging.models import Instance, Study, Submission
from tests.cast import register
from tests.flows import small
from tests.people import STAGE, STAGE_REASON, TODAY
from tests.stack import Stack
from tests.wire.norda import Norda, new_token
from trials.models import ConsentForm, Trial, TrialSite, User


def found(stack: Stack) -> Norda:
    made = Norda(stack, "", "")
    return Norda(stack, ask(made, "print_subject()"), new_token(stack))


def ask(norda: Norda, words: str) -> str:
    return norda.told(f"from tests.wire import gate; gate.{words}")


def print_subject() -> None:
    with acting(STAGE, reason=STAGE_REASON), widened("the stage is set"):
        is_founded = Trial.objects.filter(code=small.CODE).exists()
    if not is_founded:
        small.found(0)
    with acting(STAGE, reason=STAGE_REASON), widened("the stage is set"):
        site = TrialSite.objects.get(trial__code=small.CODE)
        form = ConsentForm.objects.get(trial__code=small.CODE)
        print(register(User.objects.get(username="site_staff"), site, form).code)  # noqa: T201  read by the test


def print_state(subject: str) -> None:
    """Tell, of a subject, its images, what “same person?” gave for each delivery, and how far its days are off."""
    with acting(STAGE, reason=STAGE_REASON), widened("the stage looks"):
        images = Instance.objects.filter(series__study__time_point__subject__code=subject).count()
        deliveries = Submission.objects.filter(time_point__subject__code=subject).order_by("received_at")
        studies = Study.objects.filter(time_point__subject__code=subject)
        days = {str((each.study_day or 0) + (each.time_point.subject.day_zero - TODAY).days) for each in studies}
        answers = ",".join(each.identity or each.state for each in deliveries)
        print(f"{images}|{answers}|{','.join(sorted(days))}")  # noqa: T201  read by the test
