"""What the machine finds, what a person decides and signs, and the question to the site."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.meanings import Meaning
from audit.selectors import signature_of
from audit.services import record
from audit.signing import Offer, Proof, offer, sha256_of, sign, signing, still_stands
from imaging.models import Instance, QCCheck, QCDecision, Query, QueryMessage, Study, Submission
from imaging.qc import (
    Finding,
    IdentityMatch,
    InstanceFacts,
    SeriesRequirement,
    TimePointWindow,
    examine,
)
from imaging.selectors import DERIVED, latest_findings, standing_series
from imaging.services import conflicts, pixels, queries, resending, road
from trials import access
from trials.agreement import Gate
from trials.models import TimePoint
from trials.roles import Act
from trials.services import consent, timepoints

State = Submission.State
MEANINGS = (Meaning.REVIEW, Meaning.RESPONSIBILITY)


def check(by: Actor, submission: Submission) -> None:
    """Stage FILED → CHECKED: examine everything filed for the time point and store the findings."""
    time_point = submission.time_point
    if time_point is None:
        raise ValidationError(_("Nobody has named the subject of this delivery."), code="unassigned")
    submission.refresh_from_db(fields=["identity"])
    # Outside the transaction: ten thousand images take seconds, and others want to write.
    findings = _examine(time_point, submission)
    now = timezone.now()
    with transaction.atomic():
        QCCheck.objects.bulk_create(_row(time_point, submission, finding, now) for finding in findings)
        road.move(submission, expected=State.FILED, to=State.CHECKED)
        after = {"findings": len(findings), "errors": sum(finding.severity == "error" for finding in findings)}
        record(by=by, act="scan.checked", obj=time_point, trial_code=submission.trial_site.trial.code, after=after)
        # Somebody may have decided on one of its pictures while it was on its way.
        pixels.take_up(submission)


def _examine(time_point: TimePoint, submission: Submission) -> tuple[Finding, ...]:
    planned = time_point.scheduled
    instances = Instance.objects.filter(series__study__time_point=time_point)
    return examine(
        instances=[instance_facts(instance) for instance in instances],
        requirements=[
            SeriesRequirement(
                name=series.name,
                modality=series.modality,
                body_part=series.body_part,
                min_slices=series.minimum_slices,
                max_slice_thickness_mm=float(series.maximum_slice_thickness)
                if series.maximum_slice_thickness
                else None,
                required=series.required,
            )
            for series in planned.requirements.all()
        ],
        window=TimePointWindow(target_day=planned.day, before=planned.window_before, after=planned.window_after),
        study_day=_study_day(time_point),
        identity=IdentityMatch(submission.identity) if submission.identity else None,
    )


def _study_day(time_point: TimePoint) -> int | None:
    # Of the pictures: a segmentation is drawn later than the scan.
    images = standing_series().filter(study__time_point=time_point).exclude(modality__in=DERIVED)
    dated = Study.objects.filter(pk__in=images.values("study"), study_day__isnull=False)
    return dated.values_list("study_day", flat=True).order_by("study_day").first()


def instance_facts(instance: Instance) -> InstanceFacts:
    """Facts of a filed instance as the pure checks take them."""
    facts: dict[str, Any] = instance.facts
    return InstanceFacts(
        sop_instance_uid=instance.uid,
        series_instance_uid=facts["series_instance_uid"],
        study_instance_uid=facts["study_instance_uid"],
        modality=facts["modality"],
        frame_of_reference_uid=facts["frame_of_reference_uid"],
        series_number=facts["series_number"],
        instance_number=facts["instance_number"],
        acquisition_number=facts["acquisition_number"],
        body_part=facts["body_part"],
        image_type=tuple(facts["image_type"]),
        rows=facts["rows"],
        columns=facts["columns"],
        frames=facts["frames"],
        orientation=_vector(facts["orientation"], 6),
        position=_vector(facts["position"], 3),
        pixel_spacing=_vector(facts["pixel_spacing"], 2),
        slice_thickness=facts["slice_thickness"],
        kvp=facts["kvp"],
        has_pixels=facts["has_pixels"],
        sha256=instance.sha256,
        pixel_sha256=facts["pixel_sha256"],
    )


def _vector(values: list[float], length: int) -> Any:
    return tuple(values) if len(values) == length else None


def _row(time_point: TimePoint, submission: Submission, finding: Finding, now: Any) -> QCCheck:
    return QCCheck(
        time_point=time_point,
        submission=submission,
        rule=finding.rule,
        severity=finding.severity,
        series_uid=finding.series_instance_uid,
        value=finding.value[:120],
        limit=finding.limit[:120],
        sentence=finding.sentence,
        at=now,
    )


def offer_decision(*, by: Actor, time_point: TimePoint, verdict: QCDecision.Verdict, comment: str, seen: str) -> Offer:
    """Return what a verdict would sign; `seen` is the `shown_sha256` of what the analyst looked at while judging.

    Raises ValidationError where images or findings have changed since, and as `decide` does before the signature.
    """
    by = access.require(by, Act.QC_DECIDE, time_point)
    if seen != shown_sha256(time_point):
        raise ValidationError(
            _("Images or findings have changed since you opened this page. Look again, then sign."), code="changed"
        )
    _refuse_verdict(time_point, verdict, comment)
    timepoints.require_open(time_point, TimePoint.State(verdict))
    return offer(by=by, obj=time_point, contents=_judged(time_point, verdict, comment), meanings=MEANINGS)


def _judged(time_point: TimePoint, verdict: QCDecision.Verdict, comment: str) -> dict[str, Any]:
    return decision_contents(time_point) | {"verdict": str(verdict), "comment": comment}


@signing
def decide(*, by: Actor, time_point: TimePoint, verdict: QCDecision.Verdict, comment: str, proof: Proof) -> QCDecision:
    """Judge a received time point and sign as offered (S01); a question to the site opens a query.

    Raises ValidationError without a comment where one is due, while a delivery is on its way, without consent, or out
    of order, and SignatureRefused as `audit.signing.sign`: `changed` where an image or finding came meanwhile.
    """
    by = access.require(by, Act.QC_DECIDE, time_point)
    TimePoint.objects.select_for_update().get(pk=time_point.pk)
    _refuse_verdict(time_point, verdict, comment)
    signature = sign(
        by=by,
        proof=proof,
        obj=time_point,
        contents=_judged(time_point, verdict, comment),
        meanings=MEANINGS,
        trial_code=time_point.subject.trial_site.trial.code,
    )
    decision = QCDecision.objects.create(
        time_point=time_point,
        verdict=verdict,
        comment=comment,
        decided_by=by.id,
        signature_id=signature.pk,
        at=signature.at,
    )
    timepoints.move(by=by, time_point=time_point, to=TimePoint.State(verdict), reason=comment)
    _close_queries(by, time_point)
    if verdict == QCDecision.Verdict.QUERIED:
        queries.ask(by=by, time_point=time_point, text=comment)
    return decision


def _refuse_verdict(time_point: TimePoint, verdict: QCDecision.Verdict, comment: str) -> None:
    # A verdict prepares the scan for reading.
    consent.require(time_point.subject, Gate.ASSIGN)
    if verdict != QCDecision.Verdict.ACCEPTED and not comment.strip():
        raise ValidationError(_("Tell the site what is wrong and what you need."), code="no-comment")
    if verdict == QCDecision.Verdict.ACCEPTED and conflicts.open_at(time_point).exists():
        raise ValidationError(
            _("Two images with one identity came for this time point. The coordinator must decide on them first."),
            code="conflict",
        )
    if verdict == QCDecision.Verdict.ACCEPTED:
        pixels.require_none_waiting(time_point)
        resending.require_none_announced(time_point)
    if time_point.submissions.filter(state__in=road.WORKING).exists():
        raise ValidationError(_("A delivery for this time point is on its way. Wait for its checks."), code="busy")


def shown_sha256(time_point: TimePoint) -> str:
    """Name what stands on the page, so that a signature covers what was seen."""
    return sha256_of(decision_contents(time_point))


def decision_contents(time_point: TimePoint) -> dict[str, Any]:
    """Return what the analyst signs for beside the verdict: the images by hash, and the findings."""
    instances = Instance.objects.filter(series__study__time_point=time_point).order_by("uid")
    return {
        "time_point": str(time_point),
        "instances": dict(instances.values_list("uid", "sha256")),
        "findings": list(latest_findings(time_point).values_list("rule", "severity", "sentence")),
    }


def is_as_signed(decision: QCDecision) -> bool:
    """Whether the images and findings of a verdict are still those its signature covers."""
    signature = signature_of(decision.signature_id)
    verdict = QCDecision.Verdict(decision.verdict)
    contents = _judged(decision.time_point, verdict, decision.comment)
    return still_stands(signature, obj=decision.time_point, sha256=sha256_of(contents))


def _close_queries(by: Actor, time_point: TimePoint) -> None:
    """A new verdict ends the question that the last one asked."""
    for query in time_point.queries.exclude(state=Query.State.CLOSED):
        before = query.state
        query.state = Query.State.CLOSED
        query.save(update_fields=["state"])
        trial_code = time_point.subject.trial_site.trial.code
        after = {"state": Query.State.CLOSED}
        record(by=by, act="query.closed", obj=query, trial_code=trial_code, before={"state": before}, after=after)


@transaction.atomic
def answer(*, by: Actor, query: Query, text: str) -> QueryMessage:
    """Answer as the site; the scan itself, where it must come again, comes as a new delivery."""
    by = access.require(by, Act.SUBMISSION_SEND, query.time_point)
    if not text.strip():
        raise ValidationError(_("Write an answer."), code="no-text")
    if not Query.objects.filter(pk=query.pk, state=Query.State.OPEN).update(state=Query.State.ANSWERED):
        raise ValidationError(_("This query does not wait for an answer."), code="wrong-state")
    message = QueryMessage.objects.create(query=query, author=by.name, text=text, at=timezone.now())
    trial = query.time_point.subject.trial_site.trial
    record(by=by, act="query.answered", obj=query, trial_code=trial.code, after={"text": text})
    return message
