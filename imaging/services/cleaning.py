"""De-identifying a delivery inside the quarantine: cleaned bytes are sealed again until consent is asked anew."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import canonical, record
from deid import Option, Policy, Rejected, Rejection, engine_version
from deid.burned.boxes import Box
from deid.burned.doubts import Waiting
from deid.certificate import cleaned_record, proven_record
from imaging import fence, quarantine
from imaging.claims import read_claim
from imaging.fence import Fenced, Rules
from imaging.models import IncomingFile, Submission
from imaging.services import browser, defacing, intake, pixels, road
from imaging.services.asking import go_on
from imaging.services.certifying import certify
from imaging.vault import QuarantineDamaged, Stage
from trials.keys import cleaning_key
from trials.models import TimePoint
from trials.selectors import approved_charter, policy_of

State = IncomingFile.State
_OTHER_RULES = _(
    "This file was cleaned in the browser by rules that are not in force any more: the trial changed them meanwhile. "
    "It was not let through and is kept encrypted. Open the page anew and send the original scan again."
)
_STILL_TEXT = _(
    "Boxes were drawn over text in this picture, but text can still be read in it. It was not let through and is kept "
    "encrypted. Send the original picture without cleaning in the browser, so that a person here looks at it."
)


def clean(by: Actor, submission: Submission) -> None:
    """Stage OPENED → CLEANED, or to rest where pictures wait for a person and nothing else is left to file.

    Raises ValidationError where no file could be de-identified.
    """
    time_point = _time_point(submission)
    trial = submission.trial_site.trial
    key = cleaning_key(trial, subject_code=time_point.subject.code)
    policy, context = policy_of(approved_charter(trial)), browser.clinical_trial(time_point)
    # A worker that died half way may have gone by rules, or an engine, that are not in force any more.
    submission.files.filter(state=State.CLEANED).exclude(facts__policy_digest=policy.digest).update(
        state=State.RECEIVED, facts={}
    )
    rules = Rules(key=key, trial=context, policy=policy, leaves_faces=defacing.is_asked(policy))
    _clean_files(by, submission, rules)
    cleaned = submission.files.filter(state=State.CLEANED).count()
    if not cleaned:
        _rest(by, submission, policy)
        return
    with transaction.atomic():
        road.move(submission, expected=Submission.State.OPENED, to=Submission.State.CLEANED)
        after = {
            "cleaned": cleaned,
            "refused": submission.files.filter(state=State.REFUSED).count(),
            "waiting": submission.files.filter(state=State.WAITING).count(),
            "profile": f"{policy.name} {policy.version}",
            "policy": policy.digest,
            "engine": engine_version(),
        }
        certify(by=by, submission=submission, policy=policy)
        record(by=by, act="delivery.deidentified", obj=submission, trial_code=trial.code, after=after)


def _clean_files(by: Actor, submission: Submission, rules: Rules) -> None:
    released, held = pixels.decided(submission), []
    for file in submission.files.filter(state=State.RECEIVED):
        cleaned = _clean_one(by, file, rules, boxes=released.get(file.pk), tick=lambda: go_on(submission))
        if cleaned and cleaned.policy_digest != rules.policy.digest:
            held.append(defacing.hold(file, cleaned))
        elif cleaned:
            _keep(file, cleaned, rules.policy)
        go_on(submission)
    for done in defacing.deface(submission, held, rules, tick=lambda: go_on(submission)):
        _keep(done.file, done.cleaned, rules.policy)


def _rest(by: Actor, submission: Submission, policy: Policy) -> None:
    """Set a delivery of which nothing is left to file to rest; pictures may wait. Raises ValidationError if none do."""
    with transaction.atomic():
        submission = road.lock(submission)
        to = _resting(submission)
        if to is not None:
            road.move(submission, expected=Submission.State.OPENED, to=to)
        certify(by=by, submission=submission, policy=policy)
        # Somebody may have decided on another of its pictures while this stage ran.
        pixels.take_up(submission)
    if to is None:
        raise ValidationError(_none_left(submission), code="nothing-clean")


def _resting(submission: Submission) -> Submission.State | None:
    if submission.files.filter(state=State.FILED).exists():
        return Submission.State.CHECKED
    return Submission.State.REVIEW if submission.files.filter(state=State.WAITING).exists() else None


def _time_point(submission: Submission) -> TimePoint:
    if submission.time_point is None:
        raise ValidationError(_("Nobody has named the subject of this delivery."), code="unassigned")
    return submission.time_point


def _cleaned(data: bytes, rules: Rules, boxes: Sequence[Box] | None, tick: Callable[[], None]) -> Fenced | Waiting:
    """Clean one object; looking at its picture first may take minutes, and `tick` is called meanwhile."""
    if boxes is not None:
        return fence.look(data, rules, boxes=boxes, tick=tick)
    try:
        return fence.clean(data, rules)
    except Rejected as rejected:
        if rejected.code != Rejection.PIXELS_NEED_REVIEW or Option.CLEAN_PIXEL_DATA not in rules.policy.options:
            raise
    return fence.look(data, rules, tick=tick)


def _clean_one(
    by: Actor, file: IncomingFile, rules: Rules, *, boxes: Sequence[Box] | None, tick: Callable[[], None]
) -> Fenced | None:
    """Return what became of a file; None where it is refused, or waits for a person."""
    try:
        data = quarantine.read_whole(file)
        cleaned = _cleaned(data, rules, boxes, tick) if file.claim is None else _proven(file, data, rules, tick)
    except Rejected as rejected:
        intake.refuse(file, rejected.code, rejected.reason)
        return None
    except QuarantineDamaged:
        intake.refuse(file, "damaged-here", str(_("This file was damaged while it was kept here. Send it again.")))
        return None
    if isinstance(cleaned, Waiting):
        pixels.wait(by, file, cleaned)
        return None
    return cleaned


def _proven(file: IncomingFile, data: bytes, rules: Rules, tick: Callable[[], None]) -> Fenced:
    """Return what the site's browser cleaned, once it is proven. Raises Rejected."""
    claim = read_claim(file.claim)
    if claim.policy != rules.policy.digest or browser.hindrance(file.submission.trial_site.trial, rules.policy):
        raise Rejected(Rejection.OTHER_RULES, str(_OTHER_RULES))
    proven = fence.prove(data, rules, boxes=claim.drawn)
    # Proven just now: what was claimed is blank.
    if claim.boxes and fence.shows_text(data, blanked=claim.drawn, tick=tick):
        raise Rejected(Rejection.PIXELS_NEED_REVIEW, str(_STILL_TEXT))
    # Read before cleaning, and only there.
    return replace(proven, facts=replace(proven.facts, has_contrast=claim.has_contrast))


def _keep(file: IncomingFile, cleaned: Fenced, policy: Policy) -> None:
    """Seal the cleaned bytes, and remember what is known of them."""
    file.cleaned_parts = quarantine.seal_whole(file, cleaned.data, stage=Stage.CLEANED)
    file.cleaned_sha256 = cleaned.sha256
    file.facts = _facts(cleaned, policy)
    file.facts |= {"cleaning": _told_of(file, cleaned), "cleaned_in": "browser" if file.claim else "core lab"}
    # Only where it still waits: a worker that comes late must not undo what another filed.
    IncomingFile.objects.filter(pk=file.pk, state=State.RECEIVED).update(
        cleaned_parts=file.cleaned_parts, cleaned_sha256=file.cleaned_sha256, facts=file.facts, state=State.CLEANED
    )


def _told_of(file: IncomingFile, cleaned: Fenced) -> dict[str, Any]:
    if file.claim is None:
        return cleaned_record(cleaned, before=file.sha256, after=cleaned.sha256)
    return proven_record(cleaned, sha256=cleaned.sha256, engine=read_claim(file.claim).engine)


def _facts(cleaned: Fenced, policy: Policy) -> dict[str, Any]:
    # Through JSON once, so that what is stored is what is later read.
    facts: dict[str, Any] = json.loads(canonical(asdict(cleaned.facts)))
    told = {
        "policy_digest": cleaned.policy_digest,
        "profile": f"{policy.name} {policy.version}",
        "has_true_dates": Option.RETAIN_FULL_DATES in policy.options,
        "pixel_sha256": cleaned.pixel_sha256,
    }
    return facts | told | ({"pixels": cleaned.pixels.told} if cleaned.pixels else {})


def _none_left(submission: Submission) -> str:
    if not submission.files.filter(state=State.REFUSED).exists():
        return str(_("There was no image in this delivery, only folders or a DICOMDIR. Send the images themselves."))
    reasons = submission.files.filter(state=State.REFUSED).values_list("refusal", flat=True).distinct()[:3]
    return str(_("No file of this delivery could be taken. All is kept encrypted.")) + " " + " ".join(reasons)
