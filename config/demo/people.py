"""The demo's people: obviously invented, one for each role, all with one printed password."""

from dataclasses import dataclass

from trials.roles import Role

PASSWORD = "corelab-demo-2026"  # noqa: S105  printed at every start, for a demo on loopback

ORGANISATION = "Demo Core Laboratory"
LETTER = (
    b"The electronic signatures of the Demo Core Laboratory are as binding as signatures by hand. (An invented letter.)"
)


@dataclass(frozen=True, slots=True)
class Person:
    username: str
    first_name: str
    last_name: str
    does: str
    role: Role | None
    site: str = ""


PEOPLE = (
    Person(
        "carmen",
        "Carmen",
        "Coordinator",
        "coordinator and, as founder, administrator: trials, charter, sites, roles, reports",
        Role.COORDINATOR,
    ),
    Person(
        "nora",
        "Nora",
        "Norte",
        "site staff of Hospital Norte: subjects, sending scans",
        Role.SITE_STAFF,
        "norte",
    ),
    Person("saul", "Saul", "Sur", "site staff of Hospital Sur: subjects, sending scans", Role.SITE_STAFF, "sur"),
    Person("quim", "Quim", "Quality", "QC analyst: judges what came", Role.QC_ANALYST),
    Person("rosa", "Rosa", "Reader", "blinded reader: measures lesions", Role.READER),
    Person("silvia", "Silvia", "Sponsor", "sponsor: results and reports", Role.SPONSOR),
    Person("marta", "Marta", "Monitor", "monitor of the trial: looks, with the audit trail", Role.MONITOR),
    Person(
        "vito",
        "Vito",
        "Visit",
        "monitor of Hospital Norte: looks at that site alone, with its trail",
        Role.SITE_MONITOR,
        "norte",
    ),
    Person("david", "David", "Privacy", "data protection officer", Role.DATA_PROTECTION_OFFICER),
    Person("aurora", "Aurora", "Admin", "administrator: roles and their reviews, no data", Role.ADMINISTRATOR),
    Person("ines", "Ines", "Inspector", "inspector: looks at everything, for 90 days", Role.INSPECTOR),
    Person("stella", "Stella", "Statistics", "unblinded statistician: results and reports", Role.STATISTICIAN),
    Person("otto", "Otto", "Operator", "operator: accounts, and no trial data", None),
)
