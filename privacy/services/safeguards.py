"""The security measures, read from the settings in force: what a record tells must be so (GDPR 32)."""

from dataclasses import dataclass

from django.conf import settings

from audit.services import MAXIMUM_TRIES, TRIES_WINDOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What protects, how it stands here and now, and the rows of the checklist that test it."""

    name: str
    stands: str
    checks: str


def measures() -> tuple[Measure, ...]:
    return (*_of_data(), *_of_people(), *_of_evidence())


def _of_data() -> tuple[Measure, ...]:
    engine = settings.DATABASES["default"]["ENGINE"].rsplit(".", 1)[-1]
    doors = "TLS is demanded, with HSTS" if settings.SECURE_SSL_REDIRECT else f"loopback only ({settings.BIND_ADDRESS})"
    return (
        Measure(
            name="pseudonymisation", stands="random codes per subject, DICOM PS3.15 Basic Profile", checks="P04, I02"
        ),
        Measure(name="identity", stands=_identity(), checks="P04"),
        Measure(name="originals", stands="AES-256-GCM from the first byte, a key per delivery", checks="I02"),
        Measure(name="transport", stands=doors, checks="C05"),
        Measure(name="database", stands=f"{engine}, rights asked on every row", checks="C01, C05"),
        Measure(name="erasure", stands="crypto-shredding by two people, repeated after every restore", checks="P07"),
    )


def _identity() -> str:
    if settings.VAULT_ON:
        return "kept in a vault of its own: another database, role and key"
    return "none is held: the site keeps the list of its subjects"


def _of_people() -> tuple[Measure, ...]:
    idle, longest = settings.SESSION_IDLE // 60, settings.SESSION_ABSOLUTE // 3600
    minutes = int(TRIES_WINDOW.total_seconds() // 60)
    hasher = settings.PASSWORD_HASHERS[0].rsplit(".", 1)[-1].removesuffix("PasswordHasher")
    return (
        Measure(name="passwords", stands=f"kept as {hasher} hashes", checks="C04"),
        Measure(name="second factor", stands="demanded to sign in, and under every signature", checks="C04, S04"),
        Measure(name="sessions", stands=f"end after {idle} idle minutes, and after {longest} hours", checks="C04"),
        Measure(name="wrong tries", stands=f"{MAXIMUM_TRIES} within {minutes} minutes lock an account", checks="A09"),
        Measure(name="roles", stands="one table of rights, dated memberships, default no", checks="C01, C02"),
    )


def _of_evidence() -> tuple[Measure, ...]:
    stamp = "and by an outside clock" if settings.STAMP_URL else "no outside clock is set"
    return (
        Measure(name="audit trail", stands="every value and act, refused to change by the database", checks="A01, A05"),
        Measure(
            name="seal of the trail",
            stands=f"signed checkpoints every {settings.SEAL_SECONDS:g} s, {stamp}",
            checks="A17",
        ),
        Measure(name="ledger", stands="every export with recipient, purpose and hash", checks="A10, P12"),
    )
