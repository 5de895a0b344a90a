from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit import verifier
from audit.evidence import export


class Command(BaseCommand):
    requires_system_checks = []
    help = "Write the whole trail, its checkpoints, the public key and the stand-alone verifier into an empty folder."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *_args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        if folder.exists() and any(folder.iterdir()):
            raise CommandError(f"{folder.name} is not empty: nothing was written")
        count = export(folder)
        (folder / "verifier.py").write_bytes(Path(verifier.__file__).read_bytes())
        self.stdout.write(f"{count} records written; python verifier.py . --key seal.pub --replay checks them")
