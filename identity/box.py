"""The rows of the vault opened and closed: which key opens what, and in which place each value stands."""

import hmac
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from identity import keyring
from identity.envelope import Key, Place, new_key, seal_row, unseal, unwrap, wrap
from identity.keyring import Ring
from identity.models import Identity, IndexKey, MasterMark, SubjectKey
from identity.person import FIELDS, Person, from_bytes
from identity.refusals import refusal

# Data keys are never replaced, only wrapped anew: each is its subject's first.
DATA_KEY = 1
_PERSON = "person"
MARK = Place(table=MasterMark._meta.db_table, column="proof", row=str(MasterMark.ONLY))
PROOF = b"this is the master key of the vault"


@dataclass(frozen=True, slots=True)
class Masters:
    """The ring, and the key on it that wraps whatever is new."""

    ring: Ring
    wrapping: Key


def hold() -> Masters:
    """Hold the mark until the transaction on the vault ends, so that no rotation comes between. Raises KeyRefused."""
    mark = MasterMark.objects.select_for_update().filter(pk=MasterMark.ONLY).first()
    if mark is None:
        raise keyring.KeyMissing("The vault was never opened: start Corelab with it, or run manage.py open_vault.")
    ring = keyring.load()
    return Masters(ring=ring, wrapping=ring.key(mark.key_id))


def key_place(subject_code: str) -> Place:
    # By code and not by number: whoever moves a code to another row changes whom the row is about.
    return Place(table=SubjectKey._meta.db_table, column="wrapped_key", row=subject_code)


def index_place(trial_code: str, purpose: str) -> Place:
    return Place(table=IndexKey._meta.db_table, column="wrapped_key", row=f"{trial_code} {purpose}")


def field_place(column: str, subject_code: str) -> Place:
    return Place(table=Identity._meta.db_table, column=column, row=subject_code)


def make_subject_key(masters: Masters, *, trial_code: str, subject_code: str) -> SubjectKey:
    """Make the data key of a subject that has none."""
    wrapped = wrap(new_key(key_id=DATA_KEY), master=masters.wrapping, place=key_place(subject_code))
    return SubjectKey.objects.create(
        trial_code=trial_code, subject_code=subject_code, wrapped_key=wrapped, made_at=timezone.now()
    )


def data_key(masters: Masters, row: SubjectKey) -> Key:
    """Return the data key. Raises VaultRefused (`erased`), KeyRefused, EnvelopeRefused."""
    if row.wrapped_key is None:
        raise refusal("erased", _("The identity of this subject was erased: its key is destroyed."))
    return _unwrapped(masters, bytes(row.wrapped_key), key_place(row.subject_code))


def _unwrapped(masters: Masters, wrapped: bytes, place: Place) -> Key:
    return unwrap(wrapped, master=masters.ring.key(wrapped[0]), place=place)


def sealed_fields(person: Person, *, key: Key, subject_code: str) -> dict[str, bytes]:
    """Return every field of a person sealed for its column."""
    return seal_row(person.as_bytes(), key=key, table=Identity._meta.db_table, row=subject_code)


def person_in(identity: Identity, *, key: Key) -> Person:
    """Open every field of a row. Raises EnvelopeRefused where any was altered or belongs elsewhere."""
    code = identity.subject_key.subject_code
    sealed = {column: bytes(getattr(identity, column)) for column in FIELDS}
    return from_bytes({name: unseal(value, key=key, place=field_place(name, code)) for name, value in sealed.items()})


def index_key(masters: Masters, trial_code: str) -> Key:
    """Return the key of the trial's blind index, made on first use."""
    place = index_place(trial_code, _PERSON)
    row = IndexKey.objects.filter(trial_code=trial_code, purpose=_PERSON).first()
    if row is None:
        wrapped = wrap(new_key(key_id=DATA_KEY), master=masters.wrapping, place=place)
        row = IndexKey.objects.create(trial_code=trial_code, purpose=_PERSON, wrapped_key=wrapped)
    return _unwrapped(masters, bytes(row.wrapped_key), place)


def index_of(person: Person, *, key: Key) -> str:
    """Return HMAC-SHA256 (hex) over name, birth date and sex together; never over one of them alone."""
    return hmac.digest(key.secret, f"{_PERSON}:{person.spelt}".encode(), "sha256").hex()
