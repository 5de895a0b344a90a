from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit.evidence import gather, snapshot
from audit.sealing import CannotSeal
from audit.stamping import stamp_faults
from audit.verifier import examine
from audit.watching.expected import faults as trigger_faults


class Command(BaseCommand):
    requires_system_checks = []
    help = "Check every record of the audit trail against its seals; name what does not hold and exit with 1."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--replay", action="store_true", help="compare every live row with what the trail says")
        parser.add_argument("--outside", type=Path, help="a checkpoint file that was kept elsewhere (default: ours)")

    def handle(self, *_args: Any, **options: Any) -> None:
        outside = options["outside"] or settings.CHECKPOINT_FILE
        if options["outside"] and not outside.exists():
            raise CommandError(f"there is no checkpoint file {outside.name}", returncode=2)
        try:
            with snapshot():
                finding = examine(gather(outside=outside if outside.exists() else None, with_rows=options["replay"]))
        except (CannotSeal, ValueError) as refused:
            raise CommandError(str(refused), returncode=2) from None
        found = [fault.sentence for fault in finding.faults] + trigger_faults() + stamp_faults()
        if found:
            raise CommandError("\n".join(["the audit trail does NOT hold:", *found]))
        self.stdout.write(
            f"the audit trail holds: {finding.events} records, {finding.sealed} of them under "
            f"{finding.checkpoints} checkpoints, {finding.unsealed} not sealed yet, {finding.masked} masked"
        )
