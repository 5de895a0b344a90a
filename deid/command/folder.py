"""`clean`: a folder of scans into another one, file by file, so that one bad file stops nothing."""

import csv
import hashlib
import importlib
import io
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from deid.burned.record import PixelRecord
from deid.certificate import cleaned_record, refused_record
from deid.command.report import Report
from deid.command.walking import told_name, walk
from deid.defacing.booth import Booth, Place
from deid.defacing.record import FaceRecord
from deid.defacing.rules import header_policy, needs_defacing, undeclared
from deid.elements import Item, Source
from deid.engine import clean_source, read_file
from deid.keyed import keyed_digest, map_uid
from deid.model import ClinicalTrial, Policy, Rejected, Rejection
from deid.options import Option
from deid.person import patient_id
from deid.profile import Profile
from deid.reader import Memory
from deid.result import Cleaned
from deid.writer import write_file

_SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BAR = 30


@dataclass(frozen=True, slots=True)
class Held:
    """A file whose series is to be defaced: where it is, its SHA-256 (hex), whose it is, and where its copy waits."""

    path: Path
    name: str
    before: str
    trial: ClinicalTrial
    place: Place


@dataclass(slots=True)
class Run:
    """One run over a folder: what it was asked, and what became of each file."""

    source: Path
    destination: Path
    key: bytes
    profile: Profile
    # One code for all files; "" where each patient identifier gets a code of its own.
    subject: str = ""
    # Original identifiers are gathered only where a map was asked for.
    keeps_maps: bool = False
    # Where a certificate was asked for.
    report: Report | None = None
    # Where faces are taken out.
    booth: Booth | None = None
    counts: Counter[str] = field(default_factory=Counter)
    uids: dict[str, str] = field(default_factory=dict)
    patients: dict[str, str] = field(default_factory=dict)
    _first_patient: str | None = None
    _trial: ClinicalTrial | None = None
    _memory: Memory = field(default_factory=Memory)
    _held: dict[str, list[Held]] = field(default_factory=dict)
    _written: set[str] = field(default_factory=set)

    def clean_all(self) -> None:
        """Clean every file of the source; what was refused is said on standard output, with its reason."""
        found = walk(self.source)
        for folder in found.closed:
            self._refuse(_closed(), name=told_name(folder, self.source), before="")
        for number, path in enumerate(found.files, start=1):
            self._clean(path)
            show_progress(number, len(found.files))
        if self.booth:
            for held in self._held.values():
                self._deface(held, self.booth)

    def _clean(self, path: Path) -> None:
        name, before = told_name(path, self.source), ""
        try:
            with opened(path) as original:
                before = _sha256(original) if self.report or self.booth else ""
                self._take(read_file(original.fileno(), memory=self._memory), path, name=name, before=before)
        except Rejected as refused:
            self._refuse(refused, name=name, before=before)

    def _take(self, source: Source, path: Path, *, name: str, before: str) -> None:
        """Clean one file, or hold it until its series is defaced."""
        number = patient_id(source.item)
        trial = self._trial_of(self._subject_of(number))
        if self.booth and needs_defacing(source.item):
            cleaned = self._clean_source(undeclared(source), trial, header_policy(self.profile.policy))
            place = self.booth.hold(cleaned)
            self._held.setdefault(place.series, []).append(Held(path, name, before, trial, place))
        else:
            self._keep(self._clean_source(source, trial, self.profile.policy), name=name, before=before)
        if self.keeps_maps:
            self.patients[number] = trial.subject_code
            self.uids.update((uid, map_uid(self.key, uid)) for uid in _uids(source.item))

    def _deface(self, series: list[Held], booth: Booth) -> None:
        """Have a series defaced, and clean each of its files with the pixels that came back."""
        try:
            faces = booth.deface(series[0].place.series)
        except Rejected as refused:
            for held in series:
                self._refuse(refused, name=held.name, before=held.before)
        else:
            for held in series:
                self._finish(held, faces, booth)
        booth.forget(series[0].place.series)

    def _finish(self, held: Held, faces: FaceRecord, booth: Booth) -> None:
        try:
            with opened(held.path) as original:
                if _sha256(original) != held.before:
                    raise _changed()
                source = booth.defaced(held.place, read_file(original.fileno(), memory=self._memory))
                done = replace(held.place.pixels or PixelRecord(is_read=False), faces=faces)
                policy = self.profile.policy
                cleaned = clean_source(source, key=self.key, trial=held.trial, policy=policy, pixels=done)
                self._keep(cleaned, name=held.name, before=held.before)
        except Rejected as refused:
            self._refuse(refused, name=held.name, before=held.before)

    def _refuse(self, refused: Rejected, *, name: str, before: str) -> None:
        self.counts["refused"] += 1
        if self.report:
            record = refused_record(before=before, code=str(refused.code), reason=refused.reason)
            self.report.add({"source": name, **record})
        sys.stdout.write(f"rejected ({refused.code}): {name}: {refused.reason}\n")

    def _clean_source(self, source: Source, trial: ClinicalTrial, policy: Policy) -> Cleaned:
        if Option.CLEAN_PIXEL_DATA not in policy.options:
            return clean_source(source, key=self.key, trial=trial, policy=policy)
        # By name: whoever does not clean pixels needs neither numpy nor the reader of text.
        burned = importlib.import_module("deid.burned.cleaning")
        cleaned: Cleaned = burned.clean_unreviewed(source, clerk=burned.Clerk(key=self.key, trial=trial, policy=policy))
        return cleaned

    def _subject_of(self, number: str) -> str:
        if self.subject:
            self._first_patient = number if self._first_patient is None else self._first_patient
            if number != self._first_patient:
                raise Rejected(
                    Rejection.OTHER_PATIENT,
                    "This file is of another patient than the first one of this folder, and the folder was said to be "
                    "of one subject. It was not let through. Sort the files by patient and run again.",
                )
            return self.subject
        if not number:
            raise Rejected(
                Rejection.INCOMPLETE,
                "The file names no patient, so it cannot be told whose it is. It was not let through. Name the subject "
                "with --subject, or export the file again with its patient identifier.",
            )
        return subject_code(self.key, number)

    def _trial_of(self, subject: str) -> ClinicalTrial:
        if self._trial is None or self._trial.subject_code != subject:
            self._trial = self.profile.trial(subject_code=subject)
        return self._trial

    def _keep(self, cleaned: Cleaned, *, name: str, before: str) -> None:
        output = f"{cleaned.sop_instance_uid}.dcm"
        target = self.destination / output
        if output in self._written and _file_sha256(target) != cleaned.sha256:
            raise _twice()
        _write(target, cleaned)
        self._written.add(output)
        self.counts["cleaned"] += 1
        if self.report:
            record = cleaned_record(cleaned, before=before, after=cleaned.sha256)
            self.report.add({"source": name, "output": output, **record})


def subject_code(key: bytes, number: str) -> str:
    """Return the code of a patient identifier under the key: eight symbols, the same for every run."""
    digest = int.from_bytes(keyed_digest(key=key, domain="subject", text=number)[:5], "big")
    symbols = "".join(_SYMBOLS[digest >> 5 * place & 31] for place in range(8))
    return f"{symbols[:4]}-{symbols[4:]}"


def write_map(path: Path, pairs: Iterable[tuple[str, str]]) -> None:
    """Write `id_old,id_new`, readable by its owner alone: such a file links back to people."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", newline="") as file:
        os.fchmod(file.fileno(), 0o600)
        writer = csv.writer(file)
        writer.writerow(("id_old", "id_new"))
        writer.writerows(sorted(pairs))


def _uids(item: Item) -> Iterator[str]:
    for element in item.values():
        for inner in element.items or ():
            yield from _uids(inner)
        if element.vr == "UI" and element.items is None:
            text = bytes(element.value).decode("latin-1")
            yield from (part for part in (each.strip("\0 ") for each in text.split("\\")) if part)


def _sha256(file: io.FileIO) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


def _file_sha256(path: Path) -> str:
    with opened(path) as file:
        return _sha256(file)


def _twice() -> Rejected:
    return Rejected(
        Rejection.MALFORMED,
        "Another file of this folder has the same instance UID and a different content, and was cleaned before. "
        "This one was not let through. Please keep the one that is right and run again.",
    )


def _closed() -> Rejected:
    return Rejected(
        Rejection.NOT_DICOM,
        "This folder is a link, or could not be opened on this machine, so nothing in it was cleaned. "
        "Please check who may read it, or name the folder itself, and run again.",
    )


def _changed() -> Rejected:
    return Rejected(
        Rejection.MALFORMED,
        "The file was changed while the folder was cleaned. It was not let through. Run again.",
    )


def opened(path: Path) -> io.FileIO:
    """Open a file to read. Raises Rejected, so that one that cannot be read stops no other."""
    try:
        return io.FileIO(path)
    except OSError:
        raise Rejected(
            Rejection.NOT_DICOM,
            "The file could not be opened on this machine. It was not let through. "
            "Please check who may read it, and run again.",
        ) from None


def _write(path: Path, cleaned: Cleaned) -> None:
    """Write beside the target and rename, so that no half file is ever found under the final name."""
    partial = path.with_suffix(".part")
    try:
        with io.FileIO(partial, "w") as file:
            write_file(cleaned.parts, target=file.fileno())
        partial.replace(path)
    except BaseException:  # a full disk, or somebody who stops the run
        partial.unlink(missing_ok=True)
        raise


def show_progress(done: int, total: int) -> None:
    """Draw a bar for a person at a terminal; a log gets none."""
    if sys.stderr.isatty():
        filled = _BAR * done // total
        end = "\n" if done == total else ""
        sys.stderr.write(f"\r[{'#' * filled}{'.' * (_BAR - filled)}] {done} of {total}{end}")
