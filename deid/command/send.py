"""`send`: what a person at a site types, what stops a run before anything is sent, and what is said at its end."""

import argparse
import os
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from deid.command.folder import show_progress
from deid.command.secrets import make_key, read_key, read_token
from deid.gateway.address import parse_address
from deid.gateway.cleaning import Cleaner, name_of, trial_key
from deid.gateway.expectation import Expectation, read_expectation, shortfalls, site_profile
from deid.gateway.ledger import Known, Ledger
from deid.gateway.line import PATIENCE, Answer, Line, Lost, pauses_within
from deid.gateway.receipt import Ended, Receipt, write_receipt
from deid.gateway.sending import Sending, State
from deid.gateway.survey import Keys, Survey, main_token, person_of, require_one_person, survey

EXPECTED = "/dicomweb/expected"
_WAIT, _POLL = 300, 2.0
_CLOCK_SECONDS = 300
_SAME_PERSON = "If it is the subject's own scan all the same, run again with --same-person."


def add_to(verb: argparse.ArgumentParser) -> None:
    """Describe the arguments of `send`."""
    verb.add_argument("source", type=Path, help="folder with the original files of one subject; it is only read")
    verb.add_argument("--to", required=True, metavar="URL", help="address of Corelab: https://…")
    verb.add_argument(
        "--token", type=Path, required=True, metavar="FILE", help="file with the sending token, mode 0600"
    )
    verb.add_argument("--subject", required=True, metavar="CODE", help="the subject's code in the trial")
    verb.add_argument("--timepoint", required=True, metavar="CODE", help="the time point's code in the charter")
    verb.add_argument(
        "--key-file", type=Path, help="the site's own key; made where there is none (default: %(default)s)"
    )
    verb.add_argument("--state", type=Path, metavar="FILE", help="what was sent (default: the key file's name + .sent)")
    verb.add_argument("--receipt", type=Path, metavar="FILE", help="write a receipt as JSON")
    verb.add_argument(
        "--wait", type=int, default=_WAIT, metavar="SECONDS", help="for how it ends (default: %(default)s)"
    )
    verb.add_argument(
        "--patience", type=int, default=PATIENCE, metavar="SECONDS", help="with a broken line (default: %(default)s)"
    )
    verb.add_argument("--ca", type=Path, metavar="FILE", help="certificates (PEM) to trust instead of the system's")
    verb.add_argument("--anyway", action="store_true", help="send though the folder is not what the charter expects")
    verb.add_argument(
        "--same-person", action="store_true", help="send though this machine cannot tell whose scan it is"
    )
    verb.set_defaults(run=run, key_file=_home() / "site-key")


def _home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "corelab"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What was asked for, once it was found to be possible at all."""

    options: argparse.Namespace
    line: Line
    key: bytes
    expected: Expectation

    @property
    def key_of_trial(self) -> bytes:
        return trial_key(self.key, self.expected.trial)


def run(options: argparse.Namespace) -> int:
    """Return 0 when all was taken, 1 when something was refused. Raises ValueError, OSError before anything is sent."""
    if not options.source.is_dir():
        raise ValueError("the source is not a folder")
    line = Line(
        address=parse_address(options.to),
        token=read_token(options.token),
        authority=options.ca,
        pauses=pauses_within(options.patience),
    )
    _require_room_for_receipt(options)
    expected = _expected(line, subject=options.subject, time_point=options.timepoint)
    job = _Job(options=options, line=line, key=_key(options.key_file), expected=expected)
    with Ledger(options.state or options.key_file.with_name(options.key_file.name + ".sent")) as ledger:
        return _run(job, ledger)


def _require_room_for_receipt(options: argparse.Namespace) -> None:
    if options.receipt and not options.receipt.resolve().parent.is_dir():
        raise ValueError("the folder of the receipt does not exist")
    if options.receipt and options.receipt.resolve().is_relative_to(options.source.resolve()):
        raise ValueError("the receipt may not lie inside the source, which is only read")


def _key(path: Path) -> bytes:
    if not path.exists():
        make_key(path)
        _say(
            f"A key of this site was made: {path}. Keep it, with a copy in a safe: whoever has it can tell which image "
            "is whose, and without it an image that is sent again counts as another one."
        )
    return read_key(path)


def _run(job: _Job, ledger: Ledger) -> int:
    keys = Keys(own=job.key_of_trial, common=job.expected.common_key)
    looked = survey(job.options.source, keys=keys, show=show_progress)
    _tell_refused(looked)
    tokens = require_one_person(looked.found)
    if not looked.found:
        raise ValueError("there is no image in this folder that could be sent")
    _require_expected(job, looked)
    known = _known(job, ledger, looked, tokens)
    sending = _sending(job, ledger, known, person=person_of(looked.found))
    try:
        sending.forget_discarded(looked.found)
    except Lost as lost:
        raise ValueError(_unreached(lost)) from None
    _tell_rules(sending)
    ledger.remember(known, trial=job.expected.trial, subject=job.options.subject)
    sending.send_all(looked.found)
    receipt = Receipt(
        trial=job.expected.trial,
        site=job.expected.site,
        sending=sending,
        refused=looked.refused,
        aside=looked.aside,
        deliveries=_ends(job, sending),
    )
    _tell(receipt)
    if job.options.receipt:
        write_receipt(job.options.receipt, receipt)
    return 0 if receipt.is_clean else 1


def _expected(line: Line, *, subject: str, time_point: str) -> Expectation:
    """Ask what the charter expects. Raises ValueError with the server's own sentence where it takes no scan."""
    try:
        answer = line.get(EXPECTED, subject=subject, timepoint=time_point, equip="1")
    except Lost as lost:
        raise ValueError(_unreached(lost)) from None
    if answer.status != HTTPStatus.OK:
        raise ValueError(answer.sentence)
    _tell_clock(answer)
    return read_expectation(answer.told)


def _unreached(lost: Lost) -> str:
    return f"Corelab could not be reached. {lost} Nothing was sent."


def _tell_clock(answer: Answer) -> None:
    theirs = answer.said_at
    if theirs and abs((datetime.now(UTC) - theirs).total_seconds()) > _CLOCK_SECONDS:
        _say(
            "The clock of this machine and Corelab's differ by more than five minutes. It harms no image; the times in "
            "the receipt are this machine's. Please have it set."
        )


def _require_expected(job: _Job, looked: Survey) -> None:
    lacking = shortfalls(job.expected.requirements, looked.found)
    if not lacking:
        return
    if not job.options.anyway:
        raise ValueError(" ".join([*lacking, "Nothing was sent. If this is right, run again with --anyway."]))
    for sentence in lacking:
        _say(f"{sentence} It is sent anyway.")


def _known(job: _Job, ledger: Ledger, looked: Survey, tokens: frozenset[str]) -> Known:
    """Return what the person is called outside. Raises ValueError where subject and person do not belong together."""
    trial, subject = job.expected.trial, job.options.subject
    others = [code for code in ledger.subjects_of(tokens, trial=trial) if code != subject]
    if others and not job.options.same_person:
        raise ValueError(
            f"this person was sent before as subject {others[0]}, not {subject}. Nothing was sent. Check the code and "
            f"the folder. {_SAME_PERSON}"
        )
    known = ledger.person(trial=trial, subject=subject) if job.expected.knows_person else None
    if known and not known.tokens & tokens:
        raise ValueError(
            f"these images are of another person than the earlier ones of subject {subject}. Nothing was sent. Check "
            "the subject code and the folder."
        )
    if known:
        return Known(name=known.name, tokens=known.tokens | tokens)
    if job.expected.knows_person and not job.expected.recognises and not job.options.same_person:
        raise ValueError(
            f"Corelab has only older scans of subject {subject}, which were not sent with this key and state file, and "
            "cannot tell yet whether these are of the same person: unless an older gateway here sent them, it would "
            "take these for another person's and not file them. Nothing was sent. Send one scan of this subject the "
            f"other way first; from then on every way is open. {_SAME_PERSON}"
        )
    return Known(name=name_of(main_token(looked.found), key=job.key_of_trial), tokens=tokens)


def _sending(job: _Job, ledger: Ledger, known: Known, *, person: str) -> Sending:
    profile = site_profile(job.expected.profile)
    return Sending(
        line=job.line,
        cleaner=Cleaner(key=job.key_of_trial, trial=profile.trial(subject_code=known.name), policy=profile.policy),
        ledger=ledger,
        subject=job.options.subject,
        time_point=job.options.timepoint,
        person=person,
        show=show_progress,
    )


def _ends(job: _Job, sending: Sending) -> list[Ended]:
    """Ask how each delivery of this folder went, until all ended or the time to wait is over."""
    until, addresses = time.monotonic() + max(job.options.wait, 0), {each.delivery for each in sending.outcomes}
    waiting, ended = sorted(addresses - {""}), []
    while waiting and not sending.trouble:
        asked = [_ask(job, delivery) for delivery in waiting]
        ended += [each for each in asked if each.is_over]
        waiting = [each.delivery for each in asked if not each.is_over]
        if waiting and time.monotonic() + _POLL > until:
            return ended + [each for each in asked if not each.is_over]
        if waiting:
            time.sleep(_POLL)
    return ended + [Ended(delivery=delivery) for delivery in waiting]


def _ask(job: _Job, delivery: str) -> Ended:
    try:
        answer = job.line.get(delivery)
    except Lost:
        return Ended(delivery=delivery)
    return Ended(delivery=delivery, told=answer.told if answer.status == HTTPStatus.OK else {})


def _tell_refused(looked: Survey) -> None:
    for each in looked.refused:
        sys.stdout.write(f"rejected ({each.code}): {each.name}: {each.reason}\n")


def _tell_rules(sending: Sending) -> None:
    policy, line = sending.cleaner.policy, sending.line
    options = ", ".join(sorted(policy.options))
    sys.stdout.write(f"Rules: profile {policy.name} {policy.version} with {options}. To: {line.address}\n")


def _tell(receipt: Receipt) -> None:
    for each in receipt.sending.outcomes:
        if each.state is State.REFUSED:
            sys.stdout.write(f"rejected ({each.code}): {each.found.name}: {each.reason}\n")
    counts = receipt.counts
    taken, earlier = counts[State.TAKEN], counts[State.EARLIER]
    sys.stdout.write(
        f"{taken} taken, {earlier} taken by an earlier run, {counts[State.REFUSED]} refused, "
        f"{counts[State.UNSENT]} not sent\n"
    )
    for ended in receipt.deliveries:
        sys.stdout.write(_words(ended))
    if receipt.sending.trouble:
        if sys.stderr.isatty():
            sys.stderr.write("\n")  # off the bar, which did not come to its end
        _say(f"{receipt.sending.trouble} What was taken is safe. Run the same command again to send the rest.")


def _words(ended: Ended) -> str:
    told = ended.told
    if not told:
        return "How the delivery went could not be asked. Run the same command again, or see it in the browser.\n"
    state = f"The delivery: {told.get('sentence', '')}"
    lines = [state if ended.is_over else f"{state}; it goes on by itself, see it in the browser."]
    lines += [str(told["reason"])] if told.get("reason") else []
    lines += [f"{each.get('count')} refused by Corelab: {each.get('sentence')}" for each in ended.refusals]
    return "".join(f"{line}\n" for line in lines)


def _say(sentence: str) -> None:
    sys.stderr.write(f"deid: {sentence}\n")
