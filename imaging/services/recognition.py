"""“Same person?”: what a delivery tells of its person under three keys, and how that agrees with a subject's scans.

The site's key is the one that every way has: browser and gateway are given it, the doors here derive it. The trial's
stays here and knows a person across sites; the subject's own is what browsers told before sites had keys (0044).
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from deid import IdentityTokens
from imaging.models import Submission
from imaging.qc import IdentityMatch
from trials.models import Subject

NOBODY = IdentityTokens(patient_id="", person="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Whom something names: under the site's key, the trial's (where an original was seen here), the subject's own."""

    site: IdentityTokens = field(default=NOBODY)
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
        return self.site, self.shared, self.own


_PREFIXES, _NAMES = ("site_", "", "own_"), ("patient_id", "person")


def told_in(row: Subject | Submission) -> Told:
    """Return what a row holds."""
    site, shared, own = (
        IdentityTokens(**{name: getattr(row, f"{prefix}{name}_token") for name in _NAMES}) for prefix in _PREFIXES
    )
    return Told(site=site, shared=shared, own=own)


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
    """Match any of the tokens that mean the same of every subject: those under the site's key and the trial's."""
    found = Q(pk__in=())
    for prefix, tokens in (("site_", told.site), ("", told.shared)):
        if token := getattr(tokens, name):
            found |= Q(**{f"{prefix}{name}_token": token})
    return found


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
    """Return what a gateway's delivery tells: `person` under the site's key; `alias` is what its cleaned files name.

    An alias is nobody's and is not remembered. Two subjects are compared by it all the same: one that an older gateway
    sent, which is known by nothing else and is known by its person from now on; and one of whom only older scans came
    by another way, with nothing under the site's key: the alias contradicts those, so that they are not taken on trust.
    """
    known = told_in(subject)
    is_known = bool({known.site.patient_id, known.site.person} & {person.patient_id, person.person} - {""})
    if not is_known and _agree([known.shared.patient_id], [alias.shared.patient_id]):
        _rename(subject, known.site, person)
        return Told(site=person)
    is_older = known != Told() and known.site == NOBODY
    return replace(alias, site=person) if is_older else Told(site=person)


def _rename(subject: Subject, before: IdentityTokens, person: IdentityTokens) -> None:
    subject.site_patient_id_token, subject.site_person_token = person.patient_id, person.person
    # Only where they still are what was compared: an erasure may have cleared them meanwhile.
    rows = Subject.objects.filter(pk=subject.pk, patient_id_token=subject.patient_id_token)
    rows.filter(site_patient_id_token=before.patient_id, site_person_token=before.person).update(
        site_patient_id_token=person.patient_id, site_person_token=person.person
    )
