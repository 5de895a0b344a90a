import time
import urllib.request
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from config.demo.people import PASSWORD, PEOPLE
from config.supervisor import Supervisor, children
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
            "Demo logins, all with the password: " + PASSWORD,
        ]
        lines += [f"  {person.username:<12} {person.does}" for person in PEOPLE]
        lines += [
            "",
            "Send a scan: sign in as a site's staff and choose “Send a scan”, or from a DICOM sender:",
            (
                f"  storescu -aet NORTE_PACS -aec {settings.DICOM_AE_TITLE} {settings.BIND_ADDRESS} "
                f"{settings.DICOM_PORT} +sd +r FOLDER"
            ),
            "",
            "Ctrl-C stops everything.",
        ]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def _address() -> str:
    return f"http://{settings.BIND_ADDRESS}:{settings.WEB_PORT}"
