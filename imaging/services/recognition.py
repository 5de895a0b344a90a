"""“Same person?”: what a delivery tells of its person under three keys, and how that agrees with a subject's scans.

The common key is a subject's, and every way has it: browser and gateway are given it, the doors here derive it. The
trial's stays here and knows a person across subjects and sites; the third is what browsers told before (0044).
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from deid import IdentityTokens
from imaging import fence
from imaging.models import Submission
from imaging.qc import IdentityMatch
from trials.keys import common_key
from trials.models import Subject, TrialSite

NOBODY = IdentityTokens(patient_id="", person="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Whom something names: under the common key, the trial's (where an original was seen here), the cleaning key."""

    common: IdentityTokens = field(default=NOBODY)
    shared: IdentityTokens = field(default=NOBODY)
    own: IdentityTokens = field(default=NOBODY)

    @property
    def all(self) -> set[str]:
        return {token for each in self._each for token in (each.patient_id, each.person)}

    @property
    def columns(self) -> dict[str, str]:
        """The tokens by the names of their columns, in subjects and in deliveries alike."""
        pairs = zip(_PREFIXES, self._each, strict=True)
        return {f"{prefix}{name}_token": getattr(each, name) for prefix, each in pairs for name in _NAMES}

    @property
    def numbers(self) -> list[str]:
        return [each.patient_id for each in self._each]

    @property
    def persons(self) -> list[str]:
        return [each.person for each in self._each]

    @property
    def _each(self) -> tuple[IdentityTokens, ...]:
        return self.common, self.shared, self.own


_PREFIXES, _NAMES = ("common_", "", "own_"), ("patient_id", "person")


def told_in(row: Subject | Submission) -> Told:
    """Return what a row holds."""
    common, shared, own = (
        IdentityTokens(**{name: getattr(row, f"{prefix}{name}_token") for name in _NAMES}) for prefix in _PREFIXES
    )
    return Told(common=common, shared=shared, own=own)


def compare(subject: Subject, told: Told) -> IdentityMatch:
    """Answer “same person?” from keyed tokens, by the subject's own scans and by those of the trial's others.

    What contradicts all that the subject's own scans told is refused, whoever it is; what does not, but is known under
    another subject, is one person registered twice or the wrong subject's first scan: a person decides.
    """
    known = told_in(subject)
    given = (known.numbers, told.numbers), (known.persons, told.persons)
    answers = [answer for pair in given if (answer := _agree(*pair)) is not None]
    if answers and not any(answers):
        return IdentityMatch.DIFFERS
    if _known_elsewhere(subject, told):
        return IdentityMatch.OTHER_SUBJECT
    if not answers:
        is_first = known == Told() and told != Told()
        return IdentityMatch.FIRST if is_first else IdentityMatch.NOT_COMPARABLE
    return IdentityMatch.SAME if all(answers) else IdentityMatch.DIFFERS_IN_ONE


def _agree(known: Collection[str], told: Collection[str]) -> bool | None:
    """Whether known and told are the same under any key by which both are there; None where there is no such key.

    Any: what is known may have come by several scans, and under one key be what a gateway once called the person.
    """
    comparable = [one == other for one, other in zip(known, told, strict=True) if one and other]
    return any(comparable) if comparable else None


def _known_elsewhere(subject: Subject, told: Told) -> bool:
    others = Subject.objects.filter(trial_site__trial=subject.trial_site.trial_id).exclude(pk=subject.pk)
    # A number is a hospital's own: the same one elsewhere is somebody else's.
    numbers = Q(trial_site=subject.trial_site_id) & _any_of(told, "patient_id")
    return others.filter(numbers | _any_of(told, "person")).exists()


def known_as(told: Told) -> Q:
    """Match the subjects of whom some token came before, among those of one site."""
    return _any_of(told, "patient_id") | _any_of(told, "person")


def _any_of(told: Told, name: str) -> Q:
    """Match a token that means the same of every subject: one under the trial's key."""
    column, token = f"{name}_token", getattr(told.shared, name)
    return Q(**{column: token}) if token else Q(pk__in=())


def acquaint(trial_site: TrialSite, data: bytes, shared: IdentityTokens) -> None:
    """Let the site's subjects whom browser or gateway alone sent be known by an original that is seen here.

    Their common keys tell whose it is, and what agrees is kept under the trial's key (`shared` is what the file tells
    under it): so a scan without a name finds them, and nobody is registered twice unnoticed. Raises Rejected where the
    file cannot be read.
    """
    lacking = Subject.objects.filter(trial_site=trial_site, patient_id_token="", person_token="")
    known = [subject for subject in lacking.select_related("trial_site__trial") if told_in(subject).common != NOBODY]
    if not known:
        return
    told = fence.identify(data, keys=[common_key(subject) for subject in known])
    for subject, tokens in zip(known, told, strict=True):
        _introduce(subject, tokens, shared)


def _introduce(subject: Subject, told: IdentityTokens, shared: IdentityTokens) -> None:
    known = told_in(subject).common
    same = [name for name in _NAMES if getattr(told, name) and getattr(told, name) == getattr(known, name)]
    if same:
        # Only while it is known by these: an erasure may have cleared them meanwhile.
        rows = Subject.objects.filter(
            pk=subject.pk, common_patient_id_token=known.patient_id, common_person_token=known.person
        )
        rows.update(**{f"{name}_token": getattr(shared, name) for name in same})


def refuse_another(match: IdentityMatch) -> None:
    """Raise ValidationError (`another-person`) where nothing agrees with the subject's earlier scans."""
    if match is IdentityMatch.DIFFERS:
        raise ValidationError(
            _(
                "These images are of another person than the earlier scans of this subject. They were not filed and "
                "are kept encrypted. Check the subject code, then discard this delivery and send the right scan."
            ),
            code="another-person",
        )


def of_gateway(subject: Subject, *, person: IdentityTokens, alias: Told) -> Told:
    """Return what a gateway's delivery tells: `person` under the common key; `alias` is what its cleaned files name.

    An alias is nobody's and is not remembered. Two subjects are compared by it all the same: one that an older gateway
    sent, which is known by nothing else and is known by its person from now on; and one of whom only older scans came
    by another way, with nothing under the common key: the alias contradicts those, so that they are not taken on trust.
    """
    known = told_in(subject)
    is_known = bool({known.common.patient_id, known.common.person} & {person.patient_id, person.person} - {""})
    if not is_known and _agree([known.shared.patient_id], [alias.shared.patient_id]):
        _rename(subject, known.common, person)
        return Told(common=person)
    is_older = known != Told() and known.common == NOBODY
    return replace(alias, common=person) if is_older else Told(common=person)


def _rename(subject: Subject, before: IdentityTokens, person: IdentityTokens) -> None:
    subject.common_patient_id_token, subject.common_person_token = person.patient_id, person.person
    # Only where they still are what was compared: an erasure may have cleared them meanwhile.
    rows = Subject.objects.filter(pk=subject.pk, patient_id_token=subject.patient_id_token)
    rows.filter(common_patient_id_token=before.patient_id, common_person_token=before.person).update(
        common_patient_id_token=person.patient_id, common_person_token=person.person
    )
