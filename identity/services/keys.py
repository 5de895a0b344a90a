"""The master key: made with an empty vault, proven at every start, replaced without touching a single sealed value."""

import time
import uuid
from dataclasses import dataclass

from django.conf import settings
from django.db import connections, transaction
from django.utils import timezone

from audit import services as audit
from audit.actor import Actor, machine
from audit.services import Thing
from identity import keyring
from identity.box import MARK, PROOF, index_place, key_place
from identity.envelope import EnvelopeRefused, Key, Place, key_id_of, seal, unseal, unwrap, wrap
from identity.keyring import KeyMissing, KeyRefused, Ring
from identity.models import IndexKey, MasterMark, SubjectKey
from identity.switch import ALIAS

VAULT = Thing(kind="identity.Vault", key="vault", name="the vault of identities")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What a rotation did: data and index keys wrapped anew, seconds spent on them, and whether the old key is gone."""

    subjects: int
    indexes: int
    seconds: float
    old_is_destroyed: bool


def open_vault() -> None:
    """Make the master key of an empty vault, or prove that the one at hand is the vault's.

    Raises KeyRefused, with an event: the key is missing, open to others, broken or another one, or the vault's database
    is not its own. Nothing may run on such a vault.
    """
    try:
        _refuse_shared_database()
        with transaction.atomic(using=ALIAS):
            _prove()
    except (KeyRefused, EnvelopeRefused) as refused:
        told = refused if isinstance(refused, KeyRefused) else KeyRefused("The vault does not open under its key.")
        with transaction.atomic():
            audit.record(by=_machine(), act="vault.refused", obj=VAULT, after={"cause": type(refused).__name__})
        raise told from None


def _machine() -> Actor:
    return machine("vault", source="command", request_id=uuid.uuid4().hex)


def _prove() -> None:
    mark = MasterMark.objects.select_for_update().filter(pk=MasterMark.ONLY).first()
    if mark is not None:
        unseal(bytes(mark.proof), key=keyring.load().key(mark.key_id), place=MARK)
        return
    if SubjectKey.objects.exists() or IndexKey.objects.exists():
        raise KeyRefused("The vault holds keys, but the mark of its master key is gone. Restore it from its backup.")
    _mark(_first().current)


def _first() -> Ring:
    try:
        return keyring.load()
    except KeyMissing:
        return keyring.make_first()


def _mark(key: Key) -> None:
    proof = seal(PROOF, key=key, place=MARK)
    told = {"key_id": key.id, "proof": proof, "rotated_at": timezone.now()}
    MasterMark.objects.update_or_create(pk=MasterMark.ONLY, defaults=told)


def rotate(*, by: Actor) -> Rotated:
    """Wrap every data key under a new master key, then destroy the old one. No sealed value is touched.

    May be cut short at any point and done again: the next key lies on the disk before it wraps anything, all keys
    change in one transaction, and the old key goes only after that. Raises KeyRefused.
    """
    ring = keyring.begin_rotation()
    if ring.coming is None:
        raise KeyRefused("There is no next master key. Nothing was changed.")
    start = time.perf_counter()
    with transaction.atomic(), transaction.atomic(using=ALIAS):
        mark = MasterMark.objects.select_for_update().get(pk=MasterMark.ONLY)
        unseal(bytes(mark.proof), key=ring.key(mark.key_id), place=MARK)
        subjects, indexes = _rewrap_subjects(ring, ring.coming), _rewrap_indexes(ring, ring.coming)
        _mark(ring.coming)
        told = {"subjects": subjects, "indexes": indexes, "key_id": ring.coming.id}
        audit.record(by=by, act="vault.rotated", obj=VAULT, after=told)
    seconds = time.perf_counter() - start
    is_destroyed = keyring.end_rotation()
    return Rotated(subjects=subjects, indexes=indexes, seconds=seconds, old_is_destroyed=is_destroyed)


def _rewrap_subjects(ring: Ring, coming: Key) -> int:
    rows = SubjectKey.objects.filter(wrapped_key__isnull=False).values_list("pk", "subject_code", "wrapped_key")
    held = [(pk, bytes(wrapped or b""), key_place(code)) for pk, code, wrapped in rows]
    return _rewrap(SubjectKey._meta.db_table, held, ring, coming)


def _rewrap_indexes(ring: Ring, coming: Key) -> int:
    rows = IndexKey.objects.values_list("pk", "trial_code", "purpose", "wrapped_key")
    held = [(pk, bytes(wrapped), index_place(code, purpose)) for pk, code, purpose, wrapped in rows]
    return _rewrap(IndexKey._meta.db_table, held, ring, coming)


def _rewrap(table: str, held: list[tuple[int, bytes, Place]], ring: Ring, coming: Key) -> int:
    waiting = [each for each in held if key_id_of(each[1]) != coming.id]
    return _store(table, [(pk, _anew(wrapped, ring, coming, place)) for pk, wrapped, place in waiting])


def _anew(wrapped: bytes, ring: Ring, coming: Key, place: Place) -> bytes:
    return wrap(unwrap(wrapped, master=ring.key(key_id_of(wrapped)), place=place), master=coming, place=place)


def _store(table: str, rows: list[tuple[int, bytes]]) -> int:
    """Write many wrapped keys at once: Django's bulk_update builds one CASE of them all, ten times slower."""
    connection = connections[ALIAS]
    with connection.cursor() as cursor:
        if rows and connection.vendor == "postgresql":
            told = "unnest(%s::bigint[], %s::bytea[]) told(id, wrapped_key)"
            sql = f"UPDATE {table} t SET wrapped_key = told.wrapped_key FROM {told} WHERE t.id = told.id"  # noqa: S608  our own names
            cursor.execute(sql, [[pk for pk, _key in rows], [anew for _pk, anew in rows]])
        elif rows:
            sql = f"UPDATE {table} SET wrapped_key = %s WHERE id = %s"  # noqa: S608  our own names
            cursor.executemany(sql, [(anew, pk) for pk, anew in rows])
    return len(rows)


_MAY_CONNECT = """
SELECT rolname FROM pg_roles
WHERE rolname = ANY(%s) AND rolname <> current_user AND has_database_privilege(rolname, current_database(), 'CONNECT')
"""


def _refuse_shared_database() -> None:
    """Refuse a vault that a role of the main database could open (P04); on SQLite the files' owner decides."""
    vault, main = settings.DATABASES[ALIAS], settings.DATABASES["default"]
    if "postgresql" not in vault["ENGINE"]:
        return
    roles = {str(main.get("USER", "")), *settings.DATABASE_ROLES.values()}
    if "postgresql" in main["ENGINE"] and vault["USER"] in roles:
        raise KeyRefused("The vault needs a database role of its own: the main database's must not be able to open it.")
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(_MAY_CONNECT, [sorted(roles)])
        if cursor.fetchone():
            raise KeyRefused(
                "A role of the main database may connect to the vault. Take that away: REVOKE CONNECT ON DATABASE … "
                "FROM PUBLIC, then start again."
            )
