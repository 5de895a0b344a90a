import http.client
import io
import math
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from audit.actor import machine
from audit.context import acting
from config import words
from config.demo import mark
from config.demo.people import PASSWORD, PEOPLE
from config.equipping import lay_out
from config.posture import refuse_unsafe
from config.readiness import refuse_open_demo
from config.single import CannotRun, lock_home, preparing, require_port
from config.supervisor import Supervisor, children, end_signals
from config.views import INSTANCE_HEADER
from imaging.services import doors, housekeeping
from privacy.services.reapplying import reapply
from privacy.services.tombstones import TombstonesDamaged
from trials.models import User
from trials.services import factors

READY_SECONDS = 60
_HERE = "127.0.0.1"
# What a shell tells of a command that Ctrl-C ended.
INTERRUPTED = 130
# Signals that come so close are one wish: a service manager and a parent each tell a process to stop.
MOMENT_SECONDS = 1.0


class Interrupt:
    """Makes a Ctrl-C of every wish to stop until the supervisor listens, and remembers it.

    What comes within a function that SQLite calls comes out as an error of the database. Of several at one moment the
    first interrupts, and none what is done about it.
    """

    def __init__(self) -> None:
        self.is_told = self.is_over = False
        self._told_at = -math.inf
        for number in end_signals():
            signal.signal(number, self._tell)

    def _tell(self, *_signal: object) -> None:
        is_again = time.monotonic() - self._told_at < MOMENT_SECONDS
        self.is_told, self._told_at = True, time.monotonic()
        if not is_again and not self.is_over:
            raise KeyboardInterrupt


class Command(BaseCommand):
    # The children check everything once more; checking here would load all of it twice before a page answers.
    requires_system_checks = []
    help = "Prepare the database, seed the demo into an empty one, and run everything on this machine."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--no-demo", action="store_true", help="leave an empty database empty")

    def handle(self, *_args: Any, **options: Any) -> None:
        self.interrupt = Interrupt()
        try:
            refuse_unsafe()
            with lock_home(settings.HOME):
                require_port(settings.BIND_ADDRESS, settings.WEB_PORT, variable="CORELAB_PORT")
                require_port(settings.BIND_ADDRESS, settings.DICOM_PORT, variable="CORELAB_DICOM_PORT")
                self._run(with_demo=not options["no_demo"])
        except (Exception, KeyboardInterrupt) as failure:
            self.interrupt.is_over = True
            if self.interrupt.is_told:
                raise CommandError(_interrupted(), returncode=INTERRUPTED) from None
            if isinstance(failure, CannotRun):
                raise CommandError(str(failure)) from None
            raise
        self.stdout.write("Corelab has stopped.")

    def _prepare(self, *, with_demo: bool) -> None:
        self.stdout.write("Preparing the database …")
        for path in settings.HOME.glob("corelab.sqlite3*"):
            path.chmod(0o600)
        with _migrating():
            call_command("collectstatic", interactive=False, verbosity=0, skip_checks=True)
            lay_out(settings.BROWSER_ROOT)
            words.compile_catalogs(settings.WORDS_ROOT, settings.LOCALE_PATHS[0])
        if settings.VAULT_ON:
            _open_vault()
        if mark.is_unfinished():
            raise CannotRun(_start_anew())
        self._reapply()
        refuse_open_demo()
        _tidy()
        # Its password is printed: it is for a machine that answers to itself alone.
        if with_demo and settings.DEMO_DOOR and not User.objects.exists():
            # Before the worker starts: the two would wait for each other's claims.
            call_command("seed_demo", stdout=self.stdout)

    def _reapply(self) -> None:
        """Let no erased data come back with a backup, before anything serves or works."""
        try:
            count = reapply()
        except TombstonesDamaged as damaged:
            raise CannotRun(str(damaged)) from None
        if count:
            self.stdout.write(f"A backup had brought back what was erased: {count} erasures were carried out again.")

    def _run(self, *, with_demo: bool) -> None:
        os.environ["CORELAB_INSTANCE"] = instance = uuid.uuid4().hex
        supervisor = Supervisor(children())
        try:
            with preparing(settings.HOME, instance=instance):
                supervisor.wake()
                self._prepare(with_demo=with_demo)
            if self.interrupt.is_told:
                raise KeyboardInterrupt
            supervisor.start()
            if self._wait_for_page(supervisor, instance):
                self._tell()
            supervisor.watch()
        finally:
            self.interrupt.is_over = True
            supervisor.end()

    def _wait_for_page(self, supervisor: Supervisor, instance: str) -> bool:
        """Whether our page answers, and no other program's; False once told to stop. Raises CannotRun after a while."""
        deadline = time.monotonic() + READY_SECONDS
        while not supervisor.stopping:
            if _pulse() == instance:
                return True
            if time.monotonic() > deadline:
                raise CannotRun(
                    f"The web server did not answer at {_address()} within {READY_SECONDS} seconds; everything was "
                    "stopped. The lines above tell why."
                )
            supervisor.tend()
            time.sleep(0.2)
        return False

    def _tell(self) -> None:
        lines = [
            "",
            f"Corelab is ready: {_address()}/",
            "",
            *_logins(),
            "",
            *_ways_to_send(),
            "",
            "Ctrl-C stops everything.",
        ]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


@contextmanager
def _migrating() -> Iterator[None]:
    """Migrate beside the block, in a process of the owner of the tables, where one is named; else after it."""
    if "owner" not in settings.DATABASE_URLS:
        yield
        call_command("migrate", verbosity=0, skip_checks=True)
        return
    with _by_the_owner() as migrate:
        yield
        if migrate.wait():
            raise CannotRun("The owner of the database could not prepare it: the lines above tell why.")
    try:
        connection.ensure_connection()
    except ImproperlyConfigured as refused:
        raise CannotRun(str(refused)) from None


@contextmanager
def _by_the_owner() -> "Iterator[subprocess.Popen[bytes]]":
    """Start the migration; it ends with the block, however that ends."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate", "--verbosity=0", "--skip-checks"]
    with subprocess.Popen(command) as process:  # noqa: S603  our own command
        try:
            yield process
        finally:
            process.kill()


def _tidy() -> None:
    """What was cut short is swept while nobody writes."""
    with acting(machine("worker", source="run", request_id=uuid.uuid4().hex)):
        housekeeping.tidy_after_stop()


def _open_vault() -> None:
    try:
        call_command("open_vault", stdout=io.StringIO())
    except CommandError as refused:
        raise CannotRun(str(refused)) from None


def _pulse() -> str | None:
    """Ask the web server which run it belongs to; no proxy of the environment stands between."""
    with closing(http.client.HTTPConnection(settings.BIND_ADDRESS, settings.WEB_PORT, timeout=2)) as line:
        try:
            # By a name that is always allowed, whatever address we listen on.
            line.request("GET", "/healthz", headers={"Host": "localhost"})
            return line.getresponse().getheader(INSTANCE_HEADER)
        except (OSError, http.client.HTTPException):
            return None


def _interrupted() -> str:
    return _start_anew() if mark.is_unfinished() else "Stopped before anything was running."


def _start_anew() -> str:
    where = f"remove {settings.HOME}"
    if "CORELAB_DATABASE_URL" in os.environ:
        where += " and empty the database"
    return f"The demo was cut short while it was made and cannot be used: {where}, then run again."


def _logins() -> list[str]:
    if not User.objects.exists():
        return ["There are no accounts yet. Make the operator's first: manage.py createsuperuser"]
    known = User.objects.in_bulk([person.username for person in PEOPLE], field_name="username")
    demo = [one for one in PEOPLE if one.username in known and factors.is_of_demo(known[one.username])]
    if not demo:
        return ["Sign in with your own account."]
    return [f"Demo logins, all with the password: {PASSWORD}", *(f"  {one.username:<12} {one.does}" for one in demo)]


def _ways_to_send() -> list[str]:
    where = f"{settings.BIND_ADDRESS} {settings.DICOM_PORT}"
    return [
        "Send a scan: sign in as a site's staff and choose “Send a scan”, or from a DICOM sender:",
        f"  storescu -aet {_sender()} -aec {settings.DICOM_AE_TITLE} {where} +sd +r FOLDER",
    ]


def _sender() -> str:
    return next(iter(doors.known_ae_titles(doors.Caller(address=_HERE))), "YOUR_AE_TITLE")


def _address() -> str:
    return f"http://{settings.BIND_ADDRESS}:{settings.WEB_PORT}"
