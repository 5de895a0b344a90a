"""The one gate that every act asks at its own moment: may this be done with this subject's data now."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.context import widened
from trials import closures
from trials.agreement import (
    EFFECTS,
    Allowed,
    Answer,
    Effect,
    Event,
    Form,
    Gate,
    Level,
    Module,
    Reconsent,
    Row,
    Standing,
    Why,
    judge,
    stand,
)
from trials.models import (
    CollectionAllowance,
    Consent,
    ConsentForm,
    ConsentFormApproval,
    Restriction,
    Subject,
    TimePoint,
)

_SENTENCES: dict[Why, Any] = {
    Why.NOT_VALID: _(
        "Consent of subject %(code)s does not cover this, or nobody has confirmed it yet. Nothing was done; see the "
        "subject's consent."
    ),
    Why.RECONSENT: _(
        "Consent of subject %(code)s is due again: a new version of the form must be signed and confirmed before the "
        "next scan. Nothing was taken."
    ),
    Why.FOLLOW_UP: _(
        "Consent of subject %(code)s to procedures was withdrawn (W2), so only scans of routine care are taken. "
        "Nothing was taken. If this is one, have the site confirm that on the subject's page, then send it again."
    ),
    Why.EARLIER: _(
        "Consent of subject %(code)s was withdrawn, so nothing more is collected and nothing was taken. A scan "
        "acquired before that day may come once the investigator confirms it on the subject's page."
    ),
    Why.WITHDRAWN: _(
        "Consent of subject %(code)s was withdrawn, which ends this. Nothing was done; what is stored stays as it is."
    ),
    Why.NEVER_VALID: _(
        "Consent of subject %(code)s was never valid (W6): nothing of this subject may be used. Nothing was done."
    ),
    Why.RESTRICTED: _(
        "Use of the data of subject %(code)s is restricted (GDPR 18): they are kept, nothing else. Nothing was done; "
        "ask the data protection officer."
    ),
    Why.DATA_CLOSED: _(
        "The data of this trial are closed for edits, so nothing was taken or done for subject %(code)s. Ask the "
        "coordinator, who may have them opened again for a time."
    ),
}
_CODES = {Why.RESTRICTED: "restricted", Why.DATA_CLOSED: "closed"}


@widened("consent is asked whole, whoever asks")
def answer(subject: Subject, gate: Gate, *, time_point: TimePoint | None = None) -> Answer:
    """Answer for this moment. `time_point` is the one whose scan is meant, at the doors (its allowances count)."""
    standing = standing_of(subject)
    allowed = _allowed(standing, time_point) if time_point is not None and standing.level else frozenset()
    is_closed = closures.is_closed(subject.trial_site.trial_id)
    return judge(standing, gate, is_restricted=is_restricted(subject), is_closed=is_closed, allowed=allowed)


@widened("consent is asked whole, whoever asks")
def answers(subjects: Sequence[Subject], gate: Gate) -> dict[int, Answer]:
    """Answer for each of many subjects, by key, at this moment: as `answer`, in a fixed number of questions."""
    found, restricted = standings(subjects), _restricted(subjects)
    closed = {key: closures.is_closed(key) for key in {each.trial_site.trial_id for each in subjects}}
    return {
        each.pk: judge(
            found[each.pk],
            gate,
            is_restricted=each.pk in restricted,
            is_closed=closed[each.trial_site.trial_id],
            allowed=frozenset(),
        )
        for each in subjects
    }


def allows(subject: Subject, gate: Gate, *, time_point: TimePoint | None = None) -> bool:
    return answer(subject, gate, time_point=time_point).is_open


def require(subject: Subject, gate: Gate, *, time_point: TimePoint | None = None) -> None:
    """Raise ValidationError (`no-consent`, `restricted`, or `closed`) with a sentence where the gate is closed now."""
    told = answer(subject, gate, time_point=time_point)
    if not told.is_open:
        code = _CODES.get(told.why, "no-consent")
        raise ValidationError(_SENTENCES[told.why], code=code, params={"code": subject.code})


def is_restricted(subject: Subject) -> bool:
    return bool(_restricted([subject]))


@widened("consent is asked whole, whoever asks")
def _restricted(subjects: Sequence[Subject]) -> set[int]:
    """Return the keys of those whose latest word about restriction is that there is one."""
    rows = Restriction.objects.filter(subject__in=subjects).order_by("id").values_list("subject", "kind")
    return {key for key, kind in dict(rows).items() if kind == Restriction.Kind.RESTRICTED}


def standing_of(subject: Subject) -> Standing:
    """Return where the subject stands today, from every row ever recorded."""
    return standings([subject])[subject.pk]


@widened("consent is asked whole, whoever asks")
def standings(subjects: Sequence[Subject]) -> dict[int, Standing]:
    """Return where each of many stands today, by key: as `standing_of`, in a fixed number of questions."""
    rows: dict[int, list[Consent]] = {each.pk: [] for each in subjects}
    for row in Consent.objects.filter(subject__in=subjects).select_related("form").order_by("id"):
        rows[row.subject_id].append(row)
    forms, today = _forms_of({each.trial_site_id for each in subjects}), timezone.localdate()
    return {
        each.pk: stand(told_by(rows[each.pk]), _forms_for(each, rows[each.pk], forms), today=today) for each in subjects
    }


def told_by(rows: Iterable[Consent]) -> Iterator[Row]:
    """Return the rows as the pure rules take them: what a signed form offers and nobody ticked was refused."""
    for row in rows:
        if row.kind == Consent.Kind.GIVEN:
            yield _row(row, Event.REFUSED, modules_of(row.form.scopes) - modules_of(row.scopes))
        yield _row(row, Event(row.kind), modules_of(row.scopes))


def modules_of(scopes: Iterable[str]) -> frozenset[Module]:
    return frozenset(Module(scope) for scope in scopes)


def _row(row: Consent, event: Event, modules: frozenset[Module]) -> Row:
    level = Level(row.level) if row.level else None
    if event is Event.WITHDRAWN and level is None and not modules:
        # Recorded before there were levels: everything was taken back and nothing more collected.
        level = Level.W3
    return Row(key=row.pk, form=row.form_id, event=event, modules=modules, on=row.on, level=level, of=row.of_id)


def _forms_of(sites: set[int]) -> list[ConsentForm]:
    """Return all form versions of the sites' trials, each with where and in which language it is approved there."""
    approved = ConsentFormApproval.objects.filter(trial_site__in=sites, approved_on__lte=timezone.localdate())
    forms = ConsentForm.objects.filter(trial__sites__in=sites).distinct()
    return list(forms.prefetch_related(Prefetch("approvals", approved, to_attr="approved_there")))


def _forms_for(subject: Subject, rows: Iterable[Consent], forms: Iterable[ConsentForm]) -> list[Form]:
    """Return the trial's form versions, each open or not at the subject's site in the subject's own language."""
    languages = {row.language for row in rows} - {""}
    own = [form for form in forms if form.trial_id == subject.trial_site.trial_id]
    before = {form.pk: form.supersedes_id for form in own}
    return [_form(form, subject.trial_site_id, _earlier(form.pk, before), languages) for form in own]


def _form(form: ConsentForm, site: int, earlier: frozenset[int], languages: set[str]) -> Form:
    there: list[ConsentFormApproval] = form.approved_there  # type: ignore[attr-defined]  # prefetched under this name
    return Form(
        key=form.pk,
        modules=modules_of(form.scopes),
        valid_days=form.valid_days,
        reconsent=Reconsent(form.reconsent),
        earlier=earlier,
        is_open=any(each.trial_site_id == site and (not languages or each.language in languages) for each in there),
    )


def _earlier(key: int, before: dict[int, int | None]) -> frozenset[int]:
    found: set[int] = set()
    step = before.get(key)
    while step is not None and step not in found:
        found.add(step)
        step = before.get(step)
    return frozenset(found)


def _allowed(standing: Standing, time_point: TimePoint | None) -> frozenset[Allowed]:
    rows = CollectionAllowance.objects.filter(time_point=time_point, withdrawal=standing.withdrawal)
    return frozenset(Allowed(kind) for kind in rows.values_list("kind", flat=True))


def last_collection_day(subject: Subject) -> dt.date | None:
    """Return the day after which nothing acquired is taken, None while collection goes on."""
    standing = standing_of(subject)
    return standing.withdrawn_on if standing.level and standing.level.stops_collection else None


def export_mark(subject: Subject) -> str:
    """Return level and day of the withdrawal under which exports go on marked (design 3c: W3 to W5), "" without one.

    In the English of records: copies, ledger.
    """
    standing = standing_of(subject)
    if standing.level is None or EFFECTS[Gate.EXPORT, standing.level] is not Effect.MARKED:
        return ""
    return f"consent withdrawn at level {standing.level} on {standing.withdrawn_on}"
