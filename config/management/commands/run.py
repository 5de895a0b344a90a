import time
import urllib.request
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from config.demo.people import PASSWORD, PEOPLE
from config.supervisor import Supervisor, children
from imaging.services import doors
from trials.models import User

READY_SECONDS = 60


class Command(BaseCommand):
    help = "Prepare the database, seed the demo into an empty one, and run everything on this machine."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--no-demo", action="store_true", help="leave an empty database empty")

    def handle(self, *_args: Any, **options: Any) -> None:
        self.stdout.write("Preparing the database …")
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        if not options["no_demo"] and not User.objects.exists():
            # Before the worker starts: the two would wait for each other's claims.
            call_command("seed_demo", stdout=self.stdout)
        supervisor = Supervisor(children())
        supervisor.start()
        try:
            if self._wait_for_page(supervisor):
                self._tell()
            supervisor.watch()
        finally:
            supervisor.end()
        self.stdout.write("Corelab has stopped.")

    def _wait_for_page(self, supervisor: Supervisor) -> bool:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and not supervisor.stopping:
            try:
                with urllib.request.urlopen(f"{_address()}/healthz", timeout=2):  # noqa: S310  our own address
                    return True
            except OSError:
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


def _logins() -> list[str]:
    known = set(User.objects.values_list("username", flat=True))
    if not known:
        return ["There are no accounts yet. Make the operator's first: manage.py createsuperuser"]
    demo = [person for person in PEOPLE if person.username in known]
    if len(demo) < len(PEOPLE):
        return ["Sign in with your own account."]
    return [f"Demo logins, all with the password: {PASSWORD}", *(f"  {one.username:<12} {one.does}" for one in demo)]


def _ways_to_send() -> list[str]:
    where = f"{settings.BIND_ADDRESS} {settings.DICOM_PORT}"
    return [
        "Send a scan: sign in as a site's staff and choose “Send a scan”, or from a DICOM sender:",
        f"  storescu -aet {_sender()} -aec {settings.DICOM_AE_TITLE} {where} +sd +r FOLDER",
    ]


def _sender() -> str:
    return next(iter(doors.known_ae_titles()), "YOUR_AE_TITLE")


def _address() -> str:
    return f"http://{settings.BIND_ADDRESS}:{settings.WEB_PORT}"
