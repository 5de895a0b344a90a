"""The stand-alone verifier: every attack on a log is found, a masking is none, and one file is enough to see it."""

import ast
import copy
import datetime as dt
import functools
import itertools
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import verifier
from audit.verifier import GENESIS, HEADER, PAYLOAD, Checkpoint, Evidence, Finding, Kind, Range, Row, Sealed

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
GUARDS = {"no_delete": "CREATE TRIGGER no_delete ...", "no_update": "CREATE TRIGGER no_update ..."}
MASK = "0" * 32
UNHURRIED = settings(deadline=None)


def moment(second: int) -> str:
    return f"2026-11-21T10:{second // 60:02}:{second % 60:02}.000001+00:00"


@dataclass
class Log:
    """A small log with everything that watches it, as the database and a witness outside hold them."""

    key: Ed25519PrivateKey = KEY
    events: list[dict[str, Any]] = field(default_factory=list)
    checkpoints: list[Sealed] = field(default_factory=list)
    outside: list[Sealed] = field(default_factory=list)
    rows: dict[str, str] = field(default_factory=dict)
    triggers: dict[str, str] = field(default_factory=lambda: dict(GUARDS))

    def add(self, *, layer: str = "act", act: str = "query.opened", of: str = "q", **payload: str) -> dict[str, Any]:
        number = len(self.events) + 1
        event: dict[str, Any] = {name: f"{name} of n° {number}" for name in HEADER}
        event |= {"sequence": number * 10, "layer": layer, "act": act, "object_type": "t", "object_id": of}
        event |= {"at": moment(number), "stored_at": moment(number), "on_behalf_of": ""}
        event |= {"object_label": f"S-{number:03} né", "before": "{}", "after": "{}", "reason": ""} | payload
        commitment = verifier.commit(
            salt=sha256(b"%d" % number).digest()[:16], **{name: event[name] for name in PAYLOAD}
        )
        self.events.append(event | {"commitment": commitment, "leaf": ""})
        return self.events[-1]

    def install(self) -> None:
        """Tell of the triggers as they are now, as a migration does."""
        told = json.dumps({"triggers": verifier.digest_of_triggers(self.triggers)})
        self.add(act="trail.installed", of="triggers", after=told)

    def write(self, name: str, row: str) -> None:
        self.rows[name] = row
        self.add(layer="row", act="row.changed", of=name, after=row)

    def seal(self, *, time: str = "") -> None:
        """Seal what is not yet, as the sealer does."""
        tree = Range()
        for event in self.events:
            event["leaf"] = event["leaf"] or verifier.leaf(event).hex()
            tree.add(bytes.fromhex(event["leaf"]))
        previous = verifier.sha256_of(self.checkpoints[-1].text) if self.checkpoints else GENESIS
        triggers = verifier.digest_of_triggers(self.triggers)
        time = time or moment(len(self.events))
        self.sign(Checkpoint("lab", len(self.events), tree.root().hex(), previous, triggers, time))

    def sign(self, checkpoint: Checkpoint) -> None:
        text = checkpoint.text()
        self.checkpoints.append(Sealed(text, self.key.sign(text.encode()).hex()))

    def rewrite(self, *, key: Ed25519PrivateKey) -> None:
        """Compute every leaf, root and checkpoint anew over the events as they now stand."""
        old, everything = [sealed.checkpoint for sealed in self.checkpoints], self.events
        self.key, self.checkpoints, self.events = key, [], []
        for checkpoint in old:
            self.events += [event | {"leaf": ""} for event in everything[len(self.events) : checkpoint.size]]
            self.seal(time=checkpoint.time)
        self.events += everything[len(self.events) :]

    def resign(self, number: int, **changes: Any) -> None:
        """Change a checkpoint and sign it and those after it again, with their links mended."""
        later = [sealed.checkpoint for sealed in self.checkpoints[number:]]
        del self.checkpoints[number:]
        for checkpoint in (replace(later[0], **changes), *later[1:]):
            previous = verifier.sha256_of(self.checkpoints[-1].text) if self.checkpoints else GENESIS
            self.sign(replace(checkpoint, previous=changes.get("previous", previous)))

    def mask(self, number: int) -> None:
        event = self.events[number]
        event.update(dict.fromkeys(PAYLOAD, ""), commitment=MASK + event["commitment"][32:])

    def examine(self, **changes: Any) -> Finding:
        rows = [Row("t", name, row) for name, row in self.rows.items()]
        evidence = Evidence(PUBLIC, iter(self.events), self.checkpoints, self.outside, rows, self.triggers)
        return verifier.examine(replace(evidence, **changes))

    def kinds(self, **changes: Any) -> set[Kind]:
        return {fault.kind for fault in self.examine(**changes).faults}


@functools.cache
def _built() -> Log:
    """Three checkpoints over 8, 15 and 22 events, the first two of them held outside, and two events not sealed yet."""
    log = Log()
    log.install()
    for number in range(7):
        log.write(f"r{number}", json.dumps({"id": number, "value": "1.5", "unit": "mm"}))
    log.seal()
    for number in range(5):
        log.write(f"r{number}", json.dumps({"id": number, "value": "2.5", "unit": "mm"}))
    log.add(reason="typed by mistake: a name")
    log.add(act="trail.masked", of="140")
    log.seal()
    log.mask(13)
    log.triggers["no_truncate"] = "CREATE TRIGGER no_truncate ..."
    log.install()
    for gone in ("{}", ""):
        del log.rows[f"r{5 + len(gone) // 2}"]
        log.add(layer="row", act="row.removed", of=f"r{5 + len(gone) // 2}", before='{"id": 1}', after=gone)
    for _ in range(4):
        log.add(reason="…")
    log.seal()
    log.outside = log.checkpoints[:]
    log.write("r0", json.dumps({"id": 0, "value": "3.5", "unit": "mm"}))
    log.add()
    return log


@pytest.fixture
def log() -> Log:
    return copy.deepcopy(_built())


def edit_payload(log: Log) -> None:
    log.events[9]["after"] = log.events[9]["after"].replace("2.5", "9.5")


def edit_payload_with_its_commitment(log: Log) -> None:
    edit_payload(log)
    event = log.events[9]
    event["commitment"] = verifier.commit(salt=b"s" * 16, **{name: event[name] for name in PAYLOAD})


def edit_header(log: Log) -> None:
    log.events[9]["actor_name"] = "Somebody Else"


def edit_header_with_its_leaf(log: Log) -> None:
    edit_header(log)
    log.events[9]["leaf"] = verifier.leaf(log.events[9]).hex()


def edit_leaf(log: Log) -> None:
    log.events[9]["leaf"] = "00" * 32


def delete(log: Log) -> None:
    del log.events[9]


def insert(log: Log) -> None:
    forged = log.events[9] | {"sequence": 95}
    log.events.insert(9, forged | {"leaf": verifier.leaf(forged).hex()})


def insert_without_a_leaf(log: Log) -> None:
    log.events.insert(9, log.events[9] | {"sequence": 95, "leaf": ""})


def reorder(log: Log) -> None:
    log.events[9], log.events[10] = log.events[10], log.events[9]


def spoil(log: Log) -> None:
    del log.events[-1]["commitment"]


def cut_tail(log: Log) -> None:
    del log.events[15:], log.checkpoints[2:]
    log.triggers = dict(GUARDS)
    log.rows |= {"r5": log.events[6]["after"], "r6": log.events[7]["after"]}
    log.rows["r0"] = log.events[8]["after"]


def rewrite_with_another_key(log: Log) -> None:
    edit_header(log)
    log.rewrite(key=OTHER_KEY)


def rewrite_with_the_stolen_key(log: Log) -> None:
    edit_header(log)
    now, log.triggers = log.triggers, dict(GUARDS)
    log.rewrite(key=KEY)
    log.resign(2, triggers=verifier.digest_of_triggers(now))
    log.triggers = now


def replace_a_checkpoint_with_the_stolen_key(log: Log) -> None:
    log.resign(1, time=moment(21))


def remove_the_last_checkpoint(log: Log) -> None:
    del log.checkpoints[-1]
    log.triggers = dict(GUARDS)


def remove_a_checkpoint(log: Log) -> None:
    del log.checkpoints[1]


def remove_the_first_checkpoint(log: Log) -> None:
    del log.checkpoints[0]


def forge_a_signature(log: Log) -> None:
    log.checkpoints[2] = replace(log.checkpoints[2], signature="00" * 64)


def spoil_a_checkpoint(log: Log) -> None:
    log.checkpoints[2] = Sealed("corelab audit 1\n", "not even hex")


# fmt: off
ATTACKS: list[tuple[Callable[[Log], None], set[Kind], str]] = [
    (edit_payload, {Kind.PAYLOAD, Kind.REPLAY}, "Record 100: .* after .* edited"),
    (edit_payload_with_its_commitment, {Kind.HEADER, Kind.REPLAY}, "Record 100 is not what was sealed"),
    (edit_header, {Kind.HEADER}, "Record 100 is not what was sealed"),
    (edit_header_with_its_leaf, {Kind.BATCH}, "One of the sealed records 9 to 15 was edited"),
    (edit_leaf, {Kind.HEADER, Kind.BATCH}, "Record 100 .* or seal was edited"),
    (delete, {Kind.BATCH, Kind.COUNT, Kind.REPLAY}, "records 9 to 15 .* deleted"),
    (insert, {Kind.BATCH, Kind.COUNT}, "records 9 to 15 .* inserted"),
    (insert_without_a_leaf, {Kind.ORDER}, "Line 11 of the log is sealed, but one before it is not"),
    (reorder, {Kind.BATCH}, "records 9 to 15 .* moved"),
    (spoil, {Kind.UNREADABLE}, "Line 24 of the log does not have the form"),
    (cut_tail, {Kind.CUT}, "over 22 records held outside is gone; the log ends with 15"),
    (rewrite_with_another_key, {Kind.SIGNATURE, Kind.REWRITTEN}, "3 of 3 checkpoints of the log, first number 1, are not signed"),
    (rewrite_with_the_stolen_key, {Kind.REWRITTEN}, "over 15 records held outside is not of this log"),
    (replace_a_checkpoint_with_the_stolen_key, {Kind.REWRITTEN}, "over 15 records held outside is not of this log"),
    (remove_the_last_checkpoint, {Kind.COUNT, Kind.REWRITTEN}, "counts 15 sealed records, the log holds 22"),
    (remove_a_checkpoint, {Kind.CHAIN, Kind.REWRITTEN}, "over 22 records does not name the one before it"),
    (remove_the_first_checkpoint, {Kind.CHAIN, Kind.REWRITTEN}, "over 15 records does not name the one before it"),
    (forge_a_signature, {Kind.SIGNATURE}, "1 of 3 checkpoints of the log, first number 3"),
    (spoil_a_checkpoint, {Kind.SIGNATURE, Kind.COUNT, Kind.REWRITTEN, Kind.TRIGGERS}, "1 of 3 checkpoints of the log, first number 3"),
]
# fmt: on


@pytest.mark.req("R-AUD-20")
@pytest.mark.parametrize(("attack", "kinds", "words"), ATTACKS, ids=[attack.__name__ for attack, _, _ in ATTACKS])
def test_an_attack_is_found_named_with_its_place_and_told_once(
    log: Log, attack: Callable[[Log], None], kinds: set[Kind], words: str
) -> None:
    attack(log)
    found = log.examine()
    assert {fault.kind for fault in found.faults} == kinds
    assert len(found.faults) == len(kinds)
    assert any(re.search(words, fault.sentence) for fault in found.faults)


@pytest.mark.req("R-AUD-22")
def test_the_untouched_log_holds_and_is_counted(log: Log) -> None:
    found = log.examine()
    assert found.faults == []
    assert (found.events, found.sealed, found.unsealed, found.checkpoints, found.masked) == (24, 22, 2, 3, 1)


@pytest.mark.req("R-AUD-22")
@pytest.mark.parametrize("sealed", [0, 3])
def test_a_log_that_was_not_sealed_yet_holds_too(sealed: int) -> None:
    log = Log()
    for _ in range(sealed):
        log.add()
    assert log.examine().faults == []
    log.seal()
    assert log.examine().faults == []


@pytest.mark.req("R-AUD-20")
@pytest.mark.parametrize("attack", [cut_tail, rewrite_with_the_stolen_key, replace_a_checkpoint_with_the_stolen_key])
def test_what_only_a_witness_outside_can_see_is_not_seen_without_one(log: Log, attack: Callable[[Log], None]) -> None:
    attack(log)
    assert log.kinds(outside=()) == set()


@pytest.mark.req("R-AUD-20")
@pytest.mark.parametrize(
    ("number", "changes", "kind"),
    [
        (1, {"origin": "another lab"}, Kind.ORIGIN),
        (1, {"time": moment(1)}, Kind.CHAIN),
        (1, {"time": moment(500)}, Kind.CHAIN),
        (1, {"size": 3}, Kind.CHAIN),
        (1, {"previous": GENESIS}, Kind.CHAIN),
        (0, {"previous": "1" * 64}, Kind.CHAIN),
        (1, {"root": "1" * 64}, Kind.BATCH),
        (2, {"size": 30}, Kind.COUNT),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_found_though_its_signature_is_good(
    log: Log, number: int, changes: dict[str, Any], kind: Kind
) -> None:
    log.resign(number, **changes)
    assert kind in log.kinds(outside=())


@pytest.mark.req("R-AUD-20")
def test_a_witness_of_another_log_or_with_another_key_is_no_witness(log: Log) -> None:
    for key, origin, kind in ((OTHER_KEY, "lab", Kind.SIGNATURE), (KEY, "another lab", Kind.ORIGIN)):
        other = Log(key=key)
        other.sign(replace(log.checkpoints[0].checkpoint, size=500, origin=origin))
        assert log.kinds(outside=other.checkpoints) == {kind}


@pytest.mark.req("R-AUD-20")
def test_without_any_checkpoint_left_the_witness_still_tells(log: Log) -> None:
    log.checkpoints = []
    log.events = [event | {"leaf": ""} for event in log.events]
    assert log.kinds(outside=()) == set()
    assert log.kinds() == {Kind.CUT}


SEALED = st.integers(0, 21)


@pytest.mark.req("R-AUD-20")
@UNHURRIED
@given(
    number=SEALED,
    name=st.sampled_from((*HEADER, *PAYLOAD, "commitment")),
    place=st.integers(0, 200),
    new=st.characters(exclude_categories=()),
)
def test_any_change_of_any_character_of_a_sealed_event_is_found(number: int, name: str, place: int, new: str) -> None:
    log = copy.deepcopy(_built())
    event = log.events[number]
    old = event[name]
    place = min(place, len(str(old)))
    event[name] = old + ord(new) + 1 if isinstance(old, int) else old[:place] + new + old[place + 1 :]
    if event[name] != old:
        own = (f"Record {event['sequence']}", f"Line {number + 1} ")
        assert any(fault.sentence.startswith(own) for fault in log.examine(rows=None).faults)


JUNK: st.SearchStrategy[Any] = st.none() | st.integers() | st.text(max_size=5) | st.just([]) | st.just({})


@pytest.mark.req("R-AUD-20")
@UNHURRIED
@given(junk=JUNK | st.dictionaries(st.sampled_from((*HEADER, *PAYLOAD, "commitment", "leaf")), JUNK))
def test_a_malformed_event_is_a_fault_and_never_a_crash(junk: Any) -> None:
    log = copy.deepcopy(_built())
    log.events.append(junk)
    assert Kind.UNREADABLE in log.kinds()


@pytest.mark.req("R-AUD-22")
def test_a_masked_event_that_no_event_explains_is_found(log: Log) -> None:
    log.mask(5)
    assert [fault.sentence for fault in log.examine(rows=None).faults] == [
        "Record 60 is masked, and no record tells by whom and why."
    ]


@pytest.mark.req("R-AUD-22")
@pytest.mark.parametrize("name", PAYLOAD)
def test_a_masked_event_that_still_shows_something_is_found(log: Log, name: str) -> None:
    log.events[13][name] = "x"
    assert [fault.sentence for fault in log.examine().faults] == [
        "Record 140 counts as masked but still shows a payload."
    ]


@pytest.mark.req("R-AUD-22")
def test_masking_the_last_record_of_a_row_leaves_no_fault(log: Log) -> None:
    log.mask(9)
    log.add(act="trail.masked", of="100")
    assert log.examine().faults == []
    del log.rows["r1"]
    assert log.examine().faults == []


def drop_a_trigger(log: Log) -> None:
    del log.triggers["no_delete"]


def change_a_trigger(log: Log) -> None:
    log.triggers["no_delete"] += " WHEN 0"


def drop_a_trigger_and_seal(log: Log) -> None:
    drop_a_trigger(log)
    log.seal()


def install_without_saying_so_in_time(log: Log) -> None:
    log.install()
    log.seal()
    drop_a_trigger_and_seal(log)


def install_and_drop_in_one_batch(log: Log) -> None:
    log.install()
    drop_a_trigger_and_seal(log)


@pytest.mark.req("R-AUD-23")
@pytest.mark.parametrize(
    "attack",
    [
        drop_a_trigger,
        change_a_trigger,
        drop_a_trigger_and_seal,
        install_without_saying_so_in_time,
        install_and_drop_in_one_batch,
    ],
)
def test_a_dropped_or_changed_trigger_is_found(log: Log, attack: Callable[[Log], None]) -> None:
    attack(log)
    assert log.kinds() == {Kind.TRIGGERS}


@pytest.mark.req("R-AUD-23")
def test_triggers_that_an_event_says_were_installed_are_no_fault(log: Log) -> None:
    drop_a_trigger(log)
    log.install()
    log.seal()
    assert log.examine().faults == []


@pytest.mark.req("R-AUD-23")
@pytest.mark.parametrize(
    ("name", "row", "words"),
    [
        ("r1", '{"id": 1, "value": "9.5", "unit": "mm"}', "t r1 is not what the log says last"),
        ("r1", '{"id": "1", "value": "2.5", "unit": "mm"}', "t r1 is not what the log says last"),
        ("r9", '{"id": 9}', "t r9 is in the database, but by the log it should not be"),
        ("r5", '{"id": 5}', "t r5 is in the database, but by the log it should not be"),
        ("r6", '{"id": 6}', "t r6 is in the database, but by the log it should not be"),
        ("r1", "", "t r1 is in the log, but no longer in the database"),
    ],
)
def test_a_row_written_behind_the_log_is_found_by_replay(log: Log, name: str, row: str, words: str) -> None:
    log.rows[name] = row
    if not row:
        del log.rows[name]
    assert [fault.sentence for fault in log.examine().faults] == [f"{words}."]
    assert log.examine(rows=None).faults == []


@pytest.mark.req("R-AUD-23")
def test_the_order_of_columns_and_blanks_of_a_row_do_not_matter(log: Log) -> None:
    log.rows["r1"] = '{"unit":"mm",  "value":"2.5","id":1}'
    assert log.examine().faults == []


# RFC 6962 2.1: the inputs and roots that the certificate transparency projects test with.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def grown(leaves: Sequence[bytes]) -> Range:
    tree = Range()
    for one in leaves:
        tree.add(one)
    return tree


def half_of(leaves: Sequence[bytes]) -> int:
    """The largest power of two below the number of leaves."""
    return max(1 << power for power in range(len(leaves)) if 1 << power < len(leaves))


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 2.1, word by word."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256().digest()
    half = half_of(leaves)
    return sha256(b"\x01" + naive_root(leaves[:half]) + naive_root(leaves[half:])).digest()


def naive_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 6962 2.1.1, word by word."""
    if len(leaves) == 1:
        return []
    half = half_of(leaves)
    if index < half:
        return [*naive_path(index, leaves[:half]), naive_root(leaves[half:])]
    return [*naive_path(index - half, leaves[half:]), naive_root(leaves[:half])]


def proves(root: bytes, **proof: Any) -> bool:
    try:
        return verifier.root_from(**proof) == root
    except ValueError:
        return False


@pytest.mark.req("R-AUD-21")
def test_roots_are_those_of_the_known_vectors() -> None:
    leaves = [sha256(b"\x00" + bytes.fromhex(one)).digest() for one in INPUTS]
    assert [grown(leaves[:size]).root().hex() for size in range(9)] == ROOTS


@pytest.mark.req("R-AUD-21")
@UNHURRIED
@given(leaves=st.lists(st.binary(min_size=32, max_size=32), max_size=80))
def test_the_root_is_that_of_the_definition_for_any_leaves(leaves: list[bytes]) -> None:
    tree = grown(leaves)
    assert (tree.size, tree.root()) == (len(leaves), naive_root(leaves))


@st.composite
def proofs(draw: st.DrawFn) -> dict[str, Any]:
    leaves = [sha256(b"%d" % number).digest() for number in range(draw(st.integers(1, 90)))]
    index = draw(st.integers(0, len(leaves) - 1))
    path = naive_path(index, leaves)
    return {"root": naive_root(leaves), "leaf": leaves[index], "index": index, "size": len(leaves), "path": path}


@pytest.mark.req("R-AUD-21")
@UNHURRIED
@given(proof=proofs(), bit=st.integers(0, 255), place=st.integers(0, 8), other=st.integers(-1, 100))
def test_every_proof_proves_and_with_any_bit_index_or_step_changed_it_does_not(
    proof: dict[str, Any], bit: int, place: int, other: int
) -> None:
    assert proves(**proof)

    def flipped(hashed: bytes) -> bytes:
        return (int.from_bytes(hashed, "big") ^ 1 << bit).to_bytes(32, "big")

    assert not proves(**proof | {"leaf": flipped(proof["leaf"])})
    path = proof["path"]
    if path:
        place %= len(path)
        assert not proves(**proof | {"path": [*path[:place], flipped(path[place]), *path[place + 1 :]]})
        assert not proves(**proof | {"path": [*path[:place], *path[place + 1 :]]})
    assert not proves(**proof | {"path": [*path[:place], proof["root"], *path[place:]]})
    assert other == proof["index"] or not proves(**proof | {"index": other})


@pytest.mark.req("R-AUD-21")
def test_an_inner_node_cannot_pass_for_a_leaf() -> None:
    left, right = b"l" * 32, b"r" * 32
    assert not proves(verifier.node(left, right), leaf=left + right, index=0, size=2, path=[b""])


@pytest.mark.req("R-AUD-21")
def test_a_time_is_hashed_as_the_same_text_in_whatever_zone_it_is_told(log: Log) -> None:
    event = log.events[3]
    zone = dt.timezone(dt.timedelta(hours=-5))
    told = event | {name: dt.datetime.fromisoformat(event[name]).astimezone(zone) for name in ("at", "stored_at")}
    assert verifier.leaf(told) == verifier.leaf(event)
    with pytest.raises(ValueError, match="zone"):
        verifier.leaf(event | {"at": dt.datetime(2026, 1, 1)})  # noqa: DTZ001  the time that must be refused


@pytest.mark.req("R-AUD-21")
def test_a_leaf_is_the_hash_of_the_documented_bytes_and_does_not_know_the_salt(log: Log) -> None:
    event = log.events[3]
    listed = [*(event[name] for name in HEADER), event["commitment"][32:]]
    text = json.dumps(listed, ensure_ascii=False, separators=(",", ":"))
    assert verifier.leaf(event) == sha256(b"\x00" + text.encode()).digest()
    assert verifier.leaf(event | {"commitment": MASK + event["commitment"][32:]}) == verifier.leaf(event)
    with pytest.raises(ValueError, match="16 bytes"):
        verifier.commit(salt=b"short", object_label="", before="", after="", reason="")


ANYTHING = st.text(st.characters(exclude_categories=())) | st.booleans() | st.integers() | st.floats() | JUNK


@pytest.mark.req("R-AUD-21")
@UNHURRIED
@given(values=st.lists(ANYTHING, min_size=len(HEADER), max_size=len(HEADER)), sequence=st.integers() | ANYTHING)
def test_the_text_of_a_leaf_is_json_to_the_byte_for_any_values(values: list[Any], sequence: Any) -> None:
    event = dict(zip(HEADER, values, strict=True)) | {"sequence": sequence, "commitment": "0" * 96}
    listed = [*(event[name] for name in HEADER), "0" * 64]
    assert verifier.canonical(event) == json.dumps(listed, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.req("R-AUD-21")
@UNHURRIED
@given(texts=st.lists(st.text(st.characters(exclude_categories=())), min_size=len(HEADER), max_size=len(HEADER)))
def test_the_text_of_a_leaf_is_json_to_the_byte_for_any_texts(texts: list[str]) -> None:
    event: dict[str, Any] = dict(zip(HEADER, texts, strict=True)) | {"sequence": 5, "commitment": "0" * 96}
    listed = [*(event[name] for name in HEADER), "0" * 64]
    assert verifier.canonical(event) == json.dumps(listed, ensure_ascii=False, separators=(",", ":"))


HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)
TIMES = st.datetimes(timezones=st.just(dt.UTC)).map(verifier.stamp)
ORIGINS = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1)
CHECKPOINTS = st.builds(Checkpoint, ORIGINS, st.integers(0, 10**18 - 1), HASHES, HASHES, HASHES, TIMES)


@pytest.mark.req("R-AUD-21")
@UNHURRIED
@given(checkpoint=CHECKPOINTS)
def test_a_checkpoint_is_read_as_it_was_written(checkpoint: Checkpoint) -> None:
    assert Checkpoint.parse(checkpoint.text()) == checkpoint


@pytest.mark.req("R-AUD-21")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("audit 1", "audit 2"), ("\n", "\r\n"), ("origin lab\n", "origin \n"), ("size 22", "size 022"),
        ("size 22", "size +22"), ("size 22", "size ٢٢"), ("size 22", "size 22\nsize 22"), ("root ", "root  "),
        ("+00:00", "Z"), ("+00:00", "+02:00"), ("-11-", "-13-"), ("10:00", "10:60"), ("+00:00\n", "+00:00"),
        ("+00:00\n", "+00:00\n\n"), ("triggers ", "triggers A"),
    ],
)  # fmt: skip
def test_no_other_text_passes_for_a_checkpoint(log: Log, old: str, new: str) -> None:
    text = log.checkpoints[2].text
    assert Checkpoint.parse(text)
    assert old in text
    with pytest.raises(ValueError, match=r"checkpoint|month|minute"):
        Checkpoint.parse(text.replace(old, new))


def lines_of(things: Sequence[Any]) -> str:
    return "".join(json.dumps(thing) + "\n" for thing in things)


def told(sealed: Sequence[Sealed]) -> list[dict[str, str]]:
    return [{"text": one.text, "signature": one.signature} for one in sealed]


@pytest.mark.req("R-AUD-21")
def test_a_last_line_torn_anywhere_costs_only_itself(log: Log, tmp_path: Path) -> None:
    path, text = tmp_path / "checkpoints.jsonl", lines_of(told(log.checkpoints))
    start = len(lines_of(told(log.checkpoints[:2])))
    for end in range(start, len(text) - 1):
        path.write_text(text[:end])
        assert verifier.read_checkpoints(path) == log.checkpoints[:2]
    for whole in (text[:-1], text):
        path.write_text(whole)
        assert verifier.read_checkpoints(path) == log.checkpoints


@pytest.mark.req("R-AUD-21")
@pytest.mark.parametrize("line", ["", "{", "[]", '{"text": "x"}', "5", "[" * 100_000])
def test_any_other_broken_line_is_refused_by_its_number(log: Log, tmp_path: Path, line: str) -> None:
    path = tmp_path / "checkpoints.jsonl"
    path.write_text(lines_of(told(log.checkpoints[:1])) + line + "\n" + lines_of(told(log.checkpoints[1:])))
    with pytest.raises(ValueError, match=r"Line 2 of checkpoints\.jsonl"):
        verifier.read_checkpoints(path)


def extract(log: Log, shown: Sequence[int], withheld: Sequence[int] = ()) -> dict[str, Any]:
    leaves = [bytes.fromhex(event["leaf"]) for event in log.events if event["leaf"]]
    entries = [
        {
            "index": index,
            "leaf": leaves[index].hex(),
            "proof": [step.hex() for step in naive_path(index, leaves)],
            "event": {name: log.events[index][name] for name in (*HEADER, *PAYLOAD, "commitment")}
            if index in shown
            else None,
        }
        for index in (*shown, *withheld)
    ]
    head = {"format": verifier.EXTRACT, "public_key": PUBLIC.hex(), "timestamp": None}
    return head | {"checkpoint": told(log.checkpoints)[-1], "entries": entries}


@pytest.mark.req("R-AUD-25")
def test_an_extract_proves_its_shown_masked_and_withheld_events(log: Log) -> None:
    made = extract(log, shown=(0, 9, 13, 21), withheld=(4, 16))
    assert verifier.examine_extract(made, PUBLIC) == []
    assert verifier.examine_extract(made, None) == []


def scalars(thing: Any, *way: Any) -> list[tuple[Any, ...]]:
    """Every way that leads to a value in nested JSON."""
    if not isinstance(thing, dict | list):
        return [way]
    inside = thing.items() if isinstance(thing, dict) else enumerate(thing)
    return list(itertools.chain.from_iterable(scalars(value, *way, key) for key, value in inside))


MADE = extract(_built(), shown=(9, 13), withheld=(4,))
# The token is for `openssl ts` to examine.
WAYS = [way for way in scalars(MADE) if way != ("timestamp",)]


@pytest.mark.req("R-AUD-25")
@UNHURRIED
@given(way=st.sampled_from(WAYS), junk=JUNK | st.text(st.sampled_from("0123456789abcdef"), min_size=64, max_size=64))
def test_any_changed_value_of_an_extract_is_a_fault_and_never_a_crash(way: tuple[Any, ...], junk: Any) -> None:
    made = copy.deepcopy(MADE)
    inside = functools.reduce(lambda thing, key: thing[key], way[:-1], made)
    if inside[way[-1]] != junk:
        inside[way[-1]] = junk
        assert verifier.examine_extract(made, PUBLIC)


JSON = st.recursive(
    JUNK, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)


@pytest.mark.req("R-AUD-25")
@UNHURRIED
@given(junk=JSON, name=st.sampled_from([*MADE]))
def test_anything_that_is_no_extract_is_a_fault_and_never_a_crash(junk: Any, name: str) -> None:
    assert verifier.examine_extract(junk, None)
    without = {key: value for key, value in MADE.items() if key != name}
    assert (name == "timestamp") == (verifier.examine_extract(without, None) == [])
    if name not in ("timestamp", "entries"):
        assert verifier.examine_extract(without | {name: junk}, None)


@pytest.mark.req("R-AUD-25")
def test_an_extract_that_another_key_signed_is_found_where_the_key_is_known(log: Log) -> None:
    log.rewrite(key=OTHER_KEY)
    forged = extract(log, shown=(9,)) | {"public_key": OTHER_KEY.public_key().public_bytes_raw().hex()}
    assert verifier.examine_extract(forged, None) == []
    assert {fault.kind for fault in verifier.examine_extract(forged, PUBLIC)} == {Kind.KEY, Kind.SIGNATURE}


@pytest.fixture
def export(log: Log, tmp_path: Path) -> Path:
    """An export of the log with the one file beside it, far from everything of ours."""
    shutil.copy(verifier.__file__, tmp_path / "verifier.py")
    store(log, tmp_path)
    (tmp_path / "outside.jsonl").write_text(lines_of(told(log.outside)))
    (tmp_path / "seal.pub").write_text(PUBLIC.hex() + "\n")
    (tmp_path / "audit.json").write_text(json.dumps(MADE))
    return tmp_path


def store(log: Log, folder: Path) -> None:
    (folder / "events.jsonl").write_text(lines_of(log.events))
    (folder / "checkpoints.jsonl").write_text(lines_of(told(log.checkpoints)))
    rows = [{"object_type": "t", "object_id": name, "row": row} for name, row in log.rows.items()]
    (folder / "rows.jsonl").write_text(lines_of(rows))
    (folder / "triggers.json").write_text(json.dumps(log.triggers))


def run(folder: Path, *words: str) -> tuple[int, str]:
    command = [sys.executable, "-I", "verifier.py", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


ALL = (".", "--key", "seal.pub", "--outside", "outside.jsonl", "--replay")


@pytest.mark.req("R-AUD-24")
def test_the_one_file_alone_says_that_a_good_export_holds(export: Path) -> None:
    words = "All holds.\n24 records: 22 sealed by 3 checkpoints, 2 not sealed yet, 1 masked.\n"
    assert run(export, *ALL) == (0, words)


@pytest.mark.req("R-AUD-24")
def test_the_one_file_names_each_fault_on_a_line_and_exits_with_1(export: Path, log: Log) -> None:
    edit_header(log)
    log.rows["r9\nAll holds."] = "{}"
    store(log, export)
    code, words = run(export, *ALL)
    assert code == 1
    assert words.splitlines()[:2] == [
        "header: Record 100 is not what was sealed: its header or seal was edited.",
        r"replay: t r9\nAll holds. is in the database, but by the log it should not be.",
    ]


@pytest.mark.req("R-AUD-24")
def test_the_one_file_says_what_it_cannot_see_without_a_witness(export: Path, log: Log) -> None:
    rewrite_with_the_stolen_key(log)
    store(log, export)
    code, words = run(export, ".", "--key", "seal.pub")
    assert code == 0
    assert "Without --outside a cut tail or a rewrite with a stolen key cannot be seen." in words
    assert "Without --replay" in words
    code, words = run(export, *ALL)
    assert (code, "rewritten: The checkpoint over 15 records" in words) == (1, True)


@pytest.mark.req("R-AUD-24")
def test_the_one_file_examines_an_extract(export: Path) -> None:
    assert run(export, "--extract", "audit.json", "--key", "seal.pub")[0] == 0
    assert "Without --key" in run(export, "--extract", "audit.json")[1]
    (export / "audit.json").write_text(json.dumps(MADE).replace('"role of n\\u00b0 10"', '"role of n\\u00b0 11"'))
    assert run(export, "--extract", "audit.json")[0] == 1


def remove_events(folder: Path) -> None:
    (folder / "events.jsonl").unlink()


def break_a_line(folder: Path) -> None:
    path = folder / "events.jsonl"
    path.write_text(path.read_text().replace("\n{", "\n", 1))


def shorten_key(folder: Path) -> None:
    (folder / "seal.pub").write_text(PUBLIC.hex()[:-2])


def spoil_triggers(folder: Path) -> None:
    (folder / "triggers.json").write_text("[1]")


def spoil_rows(folder: Path) -> None:
    (folder / "rows.jsonl").write_text('{"object_type": "t", "object_id": "r0", "row": "no JSON"}\n')


def remove_outside(folder: Path) -> None:
    (folder / "outside.jsonl").unlink()


@pytest.mark.req("R-AUD-24")
@pytest.mark.parametrize("harm", [remove_events, break_a_line, shorten_key, spoil_triggers, spoil_rows, remove_outside])
def test_what_cannot_be_read_is_said_in_a_sentence_and_exits_with_2(export: Path, harm: Callable[[Path], None]) -> None:
    harm(export)
    code, words = run(export, *ALL)
    assert code == 2
    assert words.startswith("This cannot be read: ")


@pytest.mark.req("R-AUD-24")
@pytest.mark.parametrize("words", [(), (".",), (".", "--extract", "audit.json"), ("--key", "seal.pub")])
def test_a_command_that_says_too_little_or_too_much_is_refused(export: Path, words: tuple[str, ...]) -> None:
    assert run(export, *words)[0] == 2


@pytest.mark.req("R-AUD-24")
def test_the_one_file_imports_the_standard_library_and_cryptography_alone() -> None:
    tree = ast.parse(Path(verifier.__file__).read_text())
    named = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    named |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in named} - sys.stdlib_module_names == {"cryptography"}
