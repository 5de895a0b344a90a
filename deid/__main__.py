"""Command line for a site: clean a folder of scans before anything leaves the house."""

import argparse
import stat
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from deid.engine import clean
from deid.keyed import KEY_BYTES
from deid.model import ClinicalTrial, Policy, Rejected

_OWNER_ONLY = 0o600


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 when every file was cleaned, 1 when some were rejected, 2 on wrong use."""
    options = _parser().parse_args(arguments)
    try:
        key = _read_key(options.key_file)
        trial = _trial(options)
        _require_folders(options.source, options.destination)
    except (OSError, ValueError) as problem:
        sys.stderr.write(f"deid: {problem}\n")
        return 2
    policy = Policy(retain_patient_characteristics=options.retain_patient_characteristics)
    return _clean_folder(options, key=key, trial=trial, policy=policy)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deid", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("clean", help="clean every file of a folder into another one")
    verb.add_argument("source", type=Path, help="folder with the original files; it is only read")
    verb.add_argument("destination", type=Path, help="folder for the cleaned files")
    verb.add_argument("--key-file", type=Path, required=True, help="trial key: 64 hexadecimal digits, mode 0600")
    verb.add_argument("--subject", required=True, help="subject code that replaces name and identifier")
    verb.add_argument("--trial", required=True, help="protocol code of the trial")
    for name in ("sponsor", "trial-name", "site", "site-name", "time-point", "time-point-description"):
        verb.add_argument(f"--{name}", default="")
    verb.add_argument("--coordinating-center", default="")
    verb.add_argument("--retain-patient-characteristics", action="store_true", help="keep sex, age, size, weight")
    return parser


def _trial(options: argparse.Namespace) -> ClinicalTrial:
    return ClinicalTrial(
        sponsor=options.sponsor or options.trial,
        protocol_id=options.trial,
        protocol_name=options.trial_name,
        site_id=options.site,
        site_name=options.site_name,
        subject_code=options.subject,
        time_point_id=options.time_point,
        time_point_description=options.time_point_description,
        coordinating_center=options.coordinating_center,
    )


def _read_key(path: Path) -> bytes:
    """Return the key; raises ValueError when others may read the file or it is no 32 byte hex key."""
    if stat.S_IMODE(path.stat().st_mode) != _OWNER_ONLY:
        raise ValueError("the key file may be readable by its owner only; set its mode to 0600")
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        raise ValueError("the key file holds no hexadecimal key") from None
    if len(key) < KEY_BYTES:
        raise ValueError("the key is shorter than 32 bytes")
    return key


def _require_folders(source: Path, destination: Path) -> None:
    if not source.is_dir():
        raise ValueError("the source is not a folder")
    if destination.resolve().is_relative_to(source.resolve()):
        raise ValueError("the destination may not lie inside the source")
    destination.mkdir(parents=True, exist_ok=True)


def _files(source: Path) -> Iterator[Path]:
    return (path for path in sorted(source.rglob("*")) if path.is_file())


def _clean_folder(options: argparse.Namespace, *, key: bytes, trial: ClinicalTrial, policy: Policy) -> int:
    """Clean file by file, so that one bad file stops nothing; print what was rejected and why."""
    counts: Counter[str] = Counter()
    for path in _files(options.source):
        try:
            cleaned = clean(path.read_bytes(), key=key, trial=trial, policy=policy)
        except Rejected as rejected:
            counts["rejected"] += 1
            sys.stdout.write(f"rejected ({rejected.code}): {path.relative_to(options.source)}: {rejected.reason}\n")
            continue
        _write(options.destination / f"{cleaned.facts.sop_instance_uid}.dcm", cleaned.data)
        counts["cleaned"] += 1
    sys.stdout.write(f"{counts['cleaned']} cleaned, {counts['rejected']} rejected\n")
    return 1 if counts["rejected"] else 0


def _write(path: Path, data: bytes) -> None:
    """Write beside the target and rename, so that no half file is ever found under the final name."""
    partial = path.with_suffix(".part")
    partial.write_bytes(data)
    partial.replace(path)


if __name__ == "__main__":
    raise SystemExit(main())
