"""What the database must answer before anything serves or works: what settings alone cannot tell (S20, pitfall 23)."""

from django.conf import settings

from config.single import CannotRun
from privacy.services.reapplying import is_clear
from privacy.services.tombstones import TombstonesDamaged
from trials.services import factors


def refuse_unready() -> None:
    """Raise CannotRun where a restored backup still holds what was erased, or the demo would stand open to others."""
    _refuse_erased()
    refuse_open_demo()


def _refuse_erased() -> None:
    try:
        is_in_force = is_clear()
    except TombstonesDamaged as damaged:
        raise CannotRun(str(damaged)) from None
    if not is_in_force:
        raise CannotRun(
            "This database holds what was erased since its backup was made: nothing is served. "
            "Run manage.py reapply_erasures, then start again."
        )


def refuse_open_demo() -> None:
    """Raise CannotRun where an account whose password everybody can read is open on a machine others can knock at."""
    if settings.DEMO_DOOR or not (names := factors.open_demo_accounts()):
        return
    raise CannotRun(
        f"Accounts of the demo are open, and everybody knows their password: {', '.join(names)}. Begin with an empty "
        "database, close these accounts under /operator/ on this machine, or leave CORELAB_HOSTS empty."
    )
