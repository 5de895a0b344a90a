"""A dossier in words and tables: the half of an access package that a person reads (GDPR 12(1))."""

from typing import Any

from privacy.paper import Paper, Section, Table
from reports.document import writing

_NOT_RECORDED = "not recorded yet"


def draw(told: dict[str, Any], sha256: str) -> Paper:
    """Return the dossier as a paper; `sha256` is that of the data file beside it."""
    who = told["subject"]
    return Paper(
        title="Your data in this trial",
        subtitle=f"Answer to an access request. Trial {who['trial']}, subject {who['code']}",
        head=f"{who['trial']} · {who['code']} · access to personal data",
        foot=f"data file SHA-256 {sha256[:16]}…",
        sections=(
            _about(told),
            _purposes(told),
            _consents(told),
            _arm(told),
            _scans(told),
            _quality(told),
            _results(told),
            _looked_at(told),
            _received(told),
            _requests(told),
            _happened(told),
            _retention(told),
            _rights(told),
        ),
    )


def _about(told: dict[str, Any]) -> Section:
    who = told["subject"]
    rows = (
        ("Code", who["code"]),
        ("Trial", f"{who['title']} ({who['protocol_number']})"),
        ("Sponsor", who["sponsor"]),
        ("Site", who["site"]),
        ("Day zero", who["day_zero"]),
        ("State", who["state"]),
    )
    return Section(heading="Who this is about", sentences=(told["identity"],), facts=rows)


def _purposes(told: dict[str, Any]) -> Section:
    rows = _rows(told["purposes"], "purpose", "article_6", "article_9")
    sentence = "These are the grounds on which data are processed. Consent to take part in the trial is another thing."
    found = Table(head=("Purpose", "GDPR article 6", "GDPR article 9"), rows=rows, shares=(3, 2, 2))
    return Section(heading="Why your data are processed", sentences=(sentence,), tables=(found,))


def _consents(told: dict[str, Any]) -> Section:
    rows = tuple(
        (row["on"], row["kind"], row["form"], row["level"] or "; ".join(row["modules"]) or writing.MISSING)
        for row in told["consents"]
    )
    stops = tuple((row["at"][:10], row["what"], _text(row["ground"])) for row in told["restrictions"])
    later = tuple((row["at"][:10], row["visit"], f"{row['what']}: {row['reason']}") for row in told["allowances"])
    tables = (
        Table(head=("Date", "Consent", "Form", "To what"), rows=rows, shares=(2, 2, 1, 6)),
        *_where(stops, head=("Date", "Use of your data", "Ground"), shares=(2, 2, 7)),
        *_where(later, head=("Date", "Visit", "Scan taken after you withdrew"), shares=(2, 1, 8)),
    )
    return Section(heading="What you agreed to", tables=tables)


def _where(rows: tuple[tuple[str, ...], ...], *, head: tuple[str, ...], shares: tuple[float, ...]) -> tuple[Table, ...]:
    """A table, where there is anything to put into it."""
    return (Table(head=head, rows=rows, shares=shares),) if rows else ()


def _arm(told: dict[str, Any]) -> Section:
    arm = told["arm"]
    facts = (("Your arm", arm["arm"]),) if arm["is_told"] else ()
    return Section(heading="Your treatment arm", sentences=(arm["sentence"],), facts=facts)


def _scans(told: dict[str, Any]) -> Section:
    rows = tuple(
        (
            f"{visit['visit']} {visit['name']}",
            visit["due_on"],
            visit["state"],
            scan.get("modality", writing.MISSING),
            _text(scan.get("scanned_on")),
            _text(scan.get("images")),
        )
        for visit in told["visits"]
        for scan in visit["scans"] or [{}]
    )
    head = ("Visit", "Due on", "State", "Kind", "Scanned on", "Images")
    return Section(heading="Your scans", tables=(Table(head=head, rows=rows, shares=(4, 2, 3, 1, 2, 1)),))


def _results(told: dict[str, Any]) -> Section:
    rows = tuple(
        (row["reader"], point["code"], _text(point["sum_mm"]), point["overall"], point["explanation"])
        for row in told["results"]
        for point in row["time_points"]
    )
    head = ("Reader", "Visit", "Sum, mm", "Response", "Why")
    return Section(
        heading="What was found",
        sentences=(told["decisions"], "Single measurements stand in the data file."),
        tables=(Table(head=head, rows=rows, shares=(1, 1, 1, 1, 6)),),
    )


def _quality(told: dict[str, Any]) -> Section:
    quality = told["quality"]
    verdicts = tuple(
        (row["at"][:10], row["visit"], row["verdict"], _text(row["comment"])) for row in quality["verdicts"]
    )
    asked = tuple((said["at"][:10], row["visit"], said["text"]) for row in quality["questions"] for said in row["said"])
    return Section(
        heading="What was found of the quality of your scans",
        sentences=(f"Findings of the machine: {len(quality['findings'])}. They stand in the data file.",),
        tables=(
            *_where(verdicts, head=("Date", "Visit", "Verdict", "Comment"), shares=(2, 1, 2, 6)),
            *_where(asked, head=("Date", "Visit", "What the site was asked, and answered"), shares=(2, 1, 8)),
        ),
    )


def _looked_at(told: dict[str, Any]) -> Section:
    rows = tuple(
        (row["role"], row["what"], str(row["times"]), row["first"][:10], row["last"][:10]) for row in told["looked_at"]
    )
    head = ("Role", "What was done", "Times", "First", "Last")
    found = Table(head=head, rows=rows, shares=(3, 4, 1, 2, 2))
    return Section(heading="Who worked with your data", tables=(found,))


def _received(told: dict[str, Any]) -> Section:
    rows = tuple((row["at"][:10], row["recipient"], row["what"], row["purpose"]) for row in told["received_by"])
    head = ("Date", "Recipient", "What", "Purpose")
    return Section(heading="Who received your data", tables=(Table(head=head, rows=rows, shares=(2, 3, 4, 4)),))


def _requests(told: dict[str, Any]) -> Section:
    rows = tuple(
        (row["received_on"], row["kind"], row["due_on"], row["state"], _text(row["answer"])) for row in told["requests"]
    )
    head = ("Received on", "Request", "Due on", "State", "Answer")
    return Section(
        heading="What you asked for",
        sentences=tuple(_longer(row) for row in told["requests"] if row["extension"]),
        tables=(Table(head=head, rows=rows, shares=(2, 3, 2, 2, 4)),),
    )


def _longer(row: dict[str, Any]) -> str:
    more = row["extension"]
    return (
        f"The time for your request of {row['received_on']} was extended from {more['due_before']} to "
        f"{more['due_on']}; you were told so on {more['told_on']}. Reason: {more['reason']}"
    )


def _happened(told: dict[str, Any]) -> Section:
    rows = (
        *((row["happened_on"], f"unblinding, {row['kind']}: {row['impact']}") for row in told["unblindings"]),
        *((row["at"][:10], f"a read of {row['visit']} counts no more: {row['reason']}") for row in told["voided"]),
        *((row["known_at"][:10], f"personal data breach: {row['what']}") for row in told["breaches"]),
        *((row["at"][:10], f"out of use: {row['what']} ({row['ground']})") for row in told["destroyed"]),
    )
    sentences = () if rows else ("Nothing was unblinded, erased or taken out of use, and no breach is known.",)
    return Section(
        heading="What else happened to your data",
        sentences=sentences,
        tables=_where(tuple(sorted(rows)), head=("Date", "What"), shares=(2, 9)),
    )


def _retention(told: dict[str, Any]) -> Section:
    clock = told["retention"]
    rows = (
        ("Rule", clock["rule"] or _NOT_RECORDED),
        ("Years after the end", _text(clock["years"])),
        ("Kept until", clock["kept_until"] or "the trial has not ended"),
    )
    return Section(heading="How long your data are kept", facts=rows)


def _rights(told: dict[str, Any]) -> Section:
    names = {
        "controller": "Controller",
        "representative": "Representative in the Union",
        "officer": "Data protection officer",
        "rights_contact": "Where to turn to",
        "authority": "Supervisory authority",
    }
    rows = tuple((names[name], words or _NOT_RECORDED) for name, words in told["contacts"].items())
    sentences = ("You have the right:", *(f"• {right}" for right in told["rights"]))
    return Section(heading="Your rights, and where to turn to", sentences=sentences, facts=rows)


def _rows(rows: list[dict[str, Any]], *names: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(_text(row[name]) for name in names) for row in rows)


def _text(value: Any) -> str:
    return writing.MISSING if value is None or value == "" else str(value)
