"""Signing what has been written: every few seconds a checkpoint over all events so far, by one sealer at a time.

Writers never wait for it. On PostgreSQL it takes the transactions that have all ended (xid below the snapshot's xmin),
so a late committer is never passed over; on SQLite, with one writer at a time, the sequence is the order.
"""

import json
import os
from dataclasses import dataclass
from typing import Any, BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit import clock
from audit.actor import machine
from audit.models import AuditEvent, Checkpoint
from audit.records import headers
from audit.secrets import SecretUnsafe, load_key
from audit.services import Thing, record
from audit.tree import Tree
from audit.verifier import GENESIS, Sealed, digest_of_triggers, leaf, sha256_of, stamp
from audit.verifier import Checkpoint as Text
from audit.watching.expected import installed

# Events a checkpoint takes: sixteen full tiles to be written, while SQLite's writers wait.
BATCH = 4096
# Any constant: it names the lock that one sealer holds.
_LEADER = 7_301_924_417
_KEY = Thing(kind="audit.SealKey", key="seal", name="the seal key")
# More than one line of the checkpoint file.
_TAIL = 8192
_HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


class CannotSeal(RuntimeError):
    """A sentence for the operator: why nothing is being sealed. What was written stays, and waits."""


def public_key() -> bytes:
    """32 bytes of the Ed25519 key that seals. Raises CannotSeal as `seal` does."""
    return _signer().public_key().public_bytes_raw()


def origin() -> str:
    """Name this installation, by its key."""
    return _origin(public_key())


def _origin(key: bytes) -> str:
    return f"corelab-{sha256_of(key.hex())[:16]}"


def _signer() -> Ed25519PrivateKey:
    """Return the key, made before the first checkpoint and never again: a new key would disown every old seal."""
    path = settings.SEAL_KEY_FILE
    if not path.exists() and not os.environ.get(settings.SEAL_KEY_VARIABLE) and Checkpoint.objects.exists():
        raise CannotSeal(
            f"The seal key {path.name} is missing, though checkpoints were signed with it. Bring it back from its "
            "backup; until then nothing is sealed, and nothing that was written is lost."
        )
    try:
        return Ed25519PrivateKey.from_private_bytes(load_key(variable=settings.SEAL_KEY_VARIABLE, path=path))
    except (SecretUnsafe, ValueError, OSError) as broken:
        raise CannotSeal(
            f"The seal key {path.name} cannot be used ({broken}). Bring it back from its backup; until then nothing "
            "is sealed, and nothing that was written is lost."
        ) from None


@dataclass(frozen=True, slots=True)
class _Batch:
    """Events by sequence (and xid), in the order in which they are sealed."""

    events: list[dict[str, Any]]
    horizon: int


@dataclass(frozen=True, slots=True)
class _Made:
    """A checkpoint that is ready to be kept, with its tree; `before` is how many events were sealed already."""

    tree: Tree
    checkpoint: Checkpoint
    before: int


def seal() -> Checkpoint | None:
    """Sign one checkpoint over what is new; None where nothing is, or where another sealer is at work.

    All is read, hashed and signed outside a transaction, so that no writer waits for it; where nothing is new, nothing
    is written. Raises CannotSeal, after an event, where key or clock cannot be trusted; nothing is signed then.
    """
    try:
        key = _signer()
        _require_steady_clock()
        last = _require_same_key(key)
    except CannotSeal as refused:
        _tell(refused)
        raise
    batch = _next_batch(last)
    kept = _keep(_make(key, last, batch), after=last) if batch.events else None
    if kept is not None:
        publish()
    return kept


def seal_all() -> None:
    """Seal what stands now; what others write meanwhile is for the next time, or a busy house would be sealed non-stop.

    Raises CannotSeal as `seal`.
    """
    last = _last()
    size = last.size if last else 0
    while (made := seal()) is not None and made.size - size >= BATCH:
        size = made.size


def _last() -> Checkpoint | None:
    return Checkpoint.objects.order_by("-size").first()


def _make(key: Ed25519PrivateKey, last: Checkpoint | None, batch: _Batch) -> _Made:
    before = last.size if last else 0
    tree = Tree(size=before)
    for event in headers(each["sequence"] for each in batch.events):
        tree.append(leaf(event), sequence=event["sequence"])
    return _Made(tree=tree, checkpoint=_sign(key, tree, last, horizon=batch.horizon), before=before)


@transaction.atomic
def _keep(made: _Made, *, after: Checkpoint | None) -> Checkpoint | None:
    """Write what was made, unless another sealer was quicker: then its round counts, and ours is given up."""
    if not _leads() or _last() != after:
        return None
    made.tree.save(changed_from=made.before)
    made.checkpoint.save(force_insert=True)
    return made.checkpoint


def _leads() -> bool:
    # SQLite's transaction is the lock there.
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LEADER])
        (leads,) = cursor.fetchone()
    return bool(leads)


def _next_batch(last: Checkpoint | None) -> _Batch:
    waiting: QuerySet[AuditEvent, Any] = AuditEvent.objects.values("sequence", "xid")
    if connection.vendor != "postgresql":
        events = list(waiting.filter(sequence__gt=last.horizon if last else 0).order_by("sequence")[:BATCH])
        return _Batch(events, horizon=events[-1]["sequence"] if events else 0)
    return _ended(waiting, last)


def _ended(waiting: QuerySet[AuditEvent, dict[str, Any]], last: Checkpoint | None) -> _Batch:
    """Take whole transactions only, so that the next batch may begin after the last xid of this one."""
    with connection.cursor() as cursor:
        cursor.execute(_HORIZON)
        (horizon,) = cursor.fetchone()
    ended = waiting.filter(xid__gte=last.horizon if last else 0, xid__lt=horizon).order_by("xid", "sequence")
    events = list(ended[:BATCH])
    if len(events) == BATCH:
        # The rest of the last transaction comes along, however large it was.
        xid, sequence = events[-1]["xid"], events[-1]["sequence"]
        events += list(ended.filter(xid=xid, sequence__gt=sequence))
        horizon = xid + 1
    return _Batch(events, horizon=horizon)


def _sign(key: Ed25519PrivateKey, tree: Tree, last: Checkpoint | None, *, horizon: int) -> Checkpoint:
    now = timezone.now()
    text = Text(
        origin=_origin(key.public_key().public_bytes_raw()),
        size=tree.size,
        root=tree.root().hex(),
        previous=sha256_of(last.text) if last else GENESIS,
        triggers=digest_of_triggers(installed()),
        time=stamp(now),
    ).text()
    return Checkpoint(size=tree.size, text=text, signature=key.sign(text.encode()).hex(), horizon=horizon, at=now)


def _require_steady_clock() -> None:
    if clock.watch() > clock.UNSAFE:
        raise CannotSeal(
            "The clocks of this installation disagree by more than half a minute. Set them right; until then nothing "
            "is sealed, and nothing that was written is lost."
        )


def _require_same_key(key: Ed25519PrivateKey) -> Checkpoint | None:
    """Return the last checkpoint, which this key signed."""
    last = _last()
    if last and not Sealed(last.text, last.signature).is_signed_by(key.public_key().public_bytes_raw()):
        raise CannotSeal(
            "The seal key is not the one that signed the last checkpoint. Bring that one back from its backup; until "
            "then nothing is sealed, and nothing that was written is lost."
        )
    return last


def _tell(refused: CannotSeal) -> None:
    """Leave one event an episode: the same sentence is not told again while it is the last one."""
    by = machine("sealer", source="sealer", request_id="sealer")
    last = AuditEvent.objects.filter(object_type=_KEY.kind).order_by("-sequence").first()
    if last is None or last.reason != str(refused):
        with transaction.atomic():
            record(by=by, act="seal.refused", obj=_KEY, reason=str(refused))


def publish() -> None:
    """Append every checkpoint that the outside file lacks, durably; what a crash left out comes with the next."""
    path = settings.CHECKPOINT_FILE
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("ab+") as file:
        missing = Checkpoint.objects.filter(size__gt=_last_published(file)).order_by("size")
        for text, signature in missing.values_list("text", "signature"):
            file.write(json.dumps({"text": text, "signature": signature}).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _last_published(file: BinaryIO) -> int:
    """Return the size of the last checkpoint in the file, after cutting off a line that a power cut tore."""
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - _TAIL))
    tail = file.read()
    whole, newline, torn = tail.rpartition(b"\n")
    file.truncate(end - len(torn))
    file.seek(0, os.SEEK_END)
    if not newline:
        return 0
    line = json.loads(whole.rpartition(b"\n")[2])
    return Text.parse(line["text"]).size
