"""Rules that this is the right visit of the right person: day in the window, one study, one identity."""

from imaging.qc.delivery import Delivery, Findings, counted, finding
from imaging.qc.facts import IdentityMatch, Rule, Severity

_SENTENCES = {
    IdentityMatch.OTHER_SUBJECT: "The images are of a person whose images came under another subject of this "
    "trial before; "
    "nobody should read them before the sites have said who is who.",
    IdentityMatch.DIFFERS: "The images name another person than this subject's earlier images; "
    "nobody should read them before the site has confirmed whose they are.",
    IdentityMatch.DIFFERS_IN_ONE: "The images agree with this subject's earlier images in all identifying "
    "values but one; the site should confirm that it is the same person.",
    IdentityMatch.NOT_COMPARABLE: "The images carry no identifying values that could be compared with "
    "this subject's earlier images.",
}
_SEVERITIES = {
    IdentityMatch.OTHER_SUBJECT: Severity.ERROR,
    IdentityMatch.DIFFERS: Severity.ERROR,
    IdentityMatch.DIFFERS_IN_ONE: Severity.WARNING,
    IdentityMatch.NOT_COMPARABLE: Severity.INFO,
}


def check_not_empty(delivery: Delivery) -> Findings:
    """Name a delivery without any image, so that an empty one can never pass."""
    if not delivery.instances:
        sentence = "The delivery holds no image that could be examined."
        yield finding(Rule.EMPTY, Severity.ERROR, sentence, value=0, limit=1)


def check_identity(delivery: Delivery) -> Findings:
    """Say what the comparison of identities gave, unless all agreed."""
    match = delivery.identity
    if match in _SENTENCES:
        yield finding(Rule.IDENTITY, _SEVERITIES[match], _SENTENCES[match], value=match, limit="same")


def check_one_study(delivery: Delivery) -> Findings:
    """Name a delivery that holds several studies, or images of several dates."""
    studies = len({one.study_instance_uid for one in delivery.instances})
    if studies > 1:
        yield finding(
            Rule.SEVERAL_STUDIES,
            Severity.WARNING,
            f"The delivery holds {studies} studies, where one visit usually is one study.",
            value=studies,
            limit=1,
        )
    dates = sorted({one.study_date for one in delivery.instances if one.study_date})
    if len(dates) > 1:
        apart = (dates[-1] - dates[0]).days
        yield finding(
            Rule.SEVERAL_DATES,
            Severity.WARNING,
            f"The images were taken on {len(dates)} different days, {counted(apart, 'day')} apart.",
            value=apart,
            limit=0,
        )


def check_study_day(delivery: Delivery) -> Findings:
    """Compare the day of the scan with the window of its time point; both ends are inside."""
    window, day = delivery.window, delivery.study_day
    if window is None:
        return
    first, last = window.target_day - window.before, window.target_day + window.after
    if day is None:
        sentence = f"The images do not say when they were taken; the window is day {first} to day {last}."
        yield finding(Rule.STUDY_DAY, Severity.WARNING, sentence, limit=f"day {first} to {last}")
    elif not first <= day <= last:
        distance = counted(max(day - last, first - day), "day")
        late = f"{distance} {'after' if day > last else 'before'}"
        sentence = f"The scan was taken on day {day}, {late} the window of day {first} to day {last}."
        yield finding(Rule.STUDY_DAY, Severity.WARNING, sentence, value=f"day {day}", limit=f"day {first} to {last}")
