"""Command line for a site: see what would happen to a scan, and clean a folder before anything leaves the house."""

import argparse
import gc
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from deid.command import send
from deid.command.folder import Run, write_map
from deid.command.report import Report
from deid.command.secrets import read_key
from deid.command.walking import require_writable
from deid.defacing.booth import Booth
from deid.defacing.program import Defacer, Limits, find_defacer
from deid.elements import text_of
from deid.engine import read_source
from deid.explain import Line, explain, profile_lines
from deid.model import Rejected
from deid.options import Option
from deid.profile import Profile, option_set, read_profile, require_sound, with_options
from deid.risk import require_low_risk

_FACES = Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES
_DEFACER = "CORELAB_DEFACER"
_INTERRUPTED, _CLOSED_PIPE = 130, 141  # as a shell tells the signals
_MINUTE, _GIBIBYTE = 60, 1 << 30
_SOP_CLASS = 0x00080016
_CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
_TEXTS = {
    "trial": "protocol_id",
    "trial-name": "protocol_name",
    "sponsor": "sponsor",
    "site": "site_id",
    "site-name": "site_name",
    "time-point": "time_point_id",
    "time-point-description": "time_point_description",
    "coordinating-center": "coordinating_center",
}


def main(arguments: list[str] | None = None) -> int:
    """Run a verb; return 0 when all went well, 1 when something was refused, 2 on wrong use, 130 when stopped."""
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that this terminal cannot write stops no run
            stream.reconfigure(errors="backslashreplace")
    gc.freeze()  # what was imported stays; looking through it again and again would cost a fifth of the time
    try:
        code: int = options.run(options)
    except KeyboardInterrupt:
        sys.stderr.write("\ndeid: stopped; what is in the destination is whole, run again for the rest\n")
        return _INTERRUPTED
    except BrokenPipeError:  # whoever read on, as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _CLOSED_PIPE
    except (OSError, ValueError) as problem:
        sys.stderr.write(f"deid: {problem}\n")
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deid", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    _add_clean(verbs.add_parser("clean", help="clean every file of a folder into another one"))
    send.add_to(verbs.add_parser("send", help="clean a folder of one subject and send it to Corelab"))
    verb = verbs.add_parser("explain", help="say what would happen to each attribute of a file, and why")
    verb.add_argument("file", type=Path)
    _add_profile(verb, run=_explain)
    verb = verbs.add_parser("profile", help="print the profile as a table")
    verb.add_argument("--sop-class", default=_CT_IMAGE, help="kind of object, by SOP Class UID (default: CT image)")
    _add_profile(verb, run=_profile)
    return parser


def _add_clean(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("source", type=Path, help="folder with the original files; it is only read")
    verb.add_argument("destination", type=Path, help="folder for the cleaned files, named by their new UIDs")
    verb.add_argument("--key-file", type=Path, required=True, help="trial key: 64 hexadecimal digits, mode 0600")
    verb.add_argument("--subject", default="", help="one code for all files (default: a code for each patient)")
    for name in _TEXTS:
        verb.add_argument(f"--{name}", default="", help=argparse.SUPPRESS)
    verb.add_argument("--uid-map", type=Path, metavar="CSV", help="write old and new UIDs: it links back to people")
    verb.add_argument("--patient-map", type=Path, metavar="CSV", help="write old patient identifiers and new codes")
    verb.add_argument("--report", type=Path, metavar="JSON", help="write the certificate: what was done to each file")
    verb.add_argument(
        "--defacer",
        metavar="COMMAND",
        help=f"program that takes faces out under {_FACES}: COMMAND SOURCE TARGET gets a folder of one series without "
        f"identities and writes files of the same names, COMMAND --version answers one line (default: {_DEFACER})",
    )
    verb.add_argument("--defacer-minutes", type=float, default=60, metavar="N", help="for one series (default: 60)")
    verb.add_argument("--defacer-gib", type=float, default=16, metavar="N", help="of memory (default: 16)")
    _add_profile(verb, run=_clean)


def _add_profile(verb: argparse.ArgumentParser, *, run: object) -> None:
    verb.set_defaults(run=run)
    names = ", ".join(Option)
    verb.add_argument("--profile", type=Path, metavar="FILE", help="profile as JSON, as a trial exports it")
    verb.add_argument("--option", action="append", default=[], metavar="NAME", help=f"add an option of PS3.15: {names}")
    verb.add_argument("--without", action="append", default=[], metavar="NAME", help="take an option away")


def _profile_of(options: argparse.Namespace, *, has_defacer: bool = True) -> Profile:
    """Return the profile that was asked for; what is only explained needs no defacer. Raises ValueError, OSError."""
    profile = read_profile(options.profile) if options.profile else Profile()
    added, taken = option_set(options.option), option_set(options.without)
    chosen = with_options(profile.policy.options, added=added, taken=taken)
    policy = replace(profile.policy, options=chosen)
    named = {name: text for flag, name in _TEXTS.items() if (text := getattr(options, flag.replace("-", "_"), ""))}
    return require_sound(replace(profile, policy=policy, texts=dict(profile.texts) | named), has_defacer=has_defacer)


def _clean(options: argparse.Namespace) -> int:
    command = options.defacer or os.environ.get(_DEFACER, "")
    profile, key = _profile_of(options, has_defacer=bool(command)), read_key(options.key_file)
    defacer = _defacer_of(options, command) if _FACES in profile.policy.options else None
    if options.defacer and defacer is None:
        raise ValueError(f"a defacer is named, but the rules ask for none: choose it with --option {_FACES}")
    profile.trial(subject_code=options.subject or "0000-0000")
    for listed in (options.uid_map, options.patient_map, options.report):
        require_writable(listed, source=options.source)
    _require_folders(options.source, options.destination)
    keeps_maps = bool(options.uid_map or options.patient_map)
    run = Run(options.source, options.destination, key, profile, subject=options.subject, keeps_maps=keeps_maps)
    run.report = Report(options.report, profile.policy) if options.report else None
    with _booth_of(defacer) as run.booth:
        run.clean_all()
    if options.uid_map:
        write_map(options.uid_map, run.uids.items())
    if options.patient_map:
        write_map(options.patient_map, run.patients.items())
    if run.report:
        run.report.write()
    sys.stdout.write(f"{run.counts['cleaned']} cleaned, {run.counts['refused']} rejected\n")
    return 1 if run.counts["refused"] else 0


def _defacer_of(options: argparse.Namespace, command: str) -> Defacer:
    memory = int(options.defacer_gib * _GIBIBYTE)
    return find_defacer(command, Limits(seconds=options.defacer_minutes * _MINUTE, memory=memory))


@contextmanager
def _booth_of(defacer: Defacer | None) -> Iterator[Booth | None]:
    """Yield where files wait for the defacer: away from the destination, so that nobody takes them for done."""
    if defacer is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="defacing-") as folder:
        yield Booth(defacer, folder=Path(folder))


def _explain(options: argparse.Namespace) -> int:
    policy = _profile_of(options).policy
    try:
        source = read_source(options.file.read_bytes())
        _print(explain(source, policy=policy))
        has_option = Option.CLEAN_PIXEL_DATA in policy.options
        sop_class = text_of(source.item.get(_SOP_CLASS))
        require_low_risk(source.item, sop_class_uid=sop_class, is_looked_at=has_option)
    except Rejected as refused:
        sys.stdout.write(f"rejected ({refused.code}): {refused.reason}\n")
        return 1
    return 0


def _profile(options: argparse.Namespace) -> int:
    try:
        _print(profile_lines(_profile_of(options).policy, sop_class_uid=options.sop_class))
    except Rejected as refused:
        sys.stdout.write(f"{refused.reason}\n")
        return 1
    return 0


def _print(lines: tuple[Line, ...]) -> None:
    for line in lines:
        sys.stdout.write(f"{line.path}\t{line.name}\t{line.vr}\t{line.deed}\t{line.why}\n")


def _require_folders(source: Path, destination: Path) -> None:
    if not source.is_dir():
        raise ValueError("the source is not a folder")
    if destination.resolve().is_relative_to(source.resolve()):
        raise ValueError("the destination may not lie inside the source")
    destination.mkdir(parents=True, exist_ok=True)


if __name__ == "__main__":
    raise SystemExit(main())
