from typing import Any

from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError

from audit.ending import Ending
from config import processes
from config.readiness import refuse_unready
from config.single import CannotRun, wait_until_prepared
from imaging import dicom_node


class Command(BaseCommand):
    help = "Run the DICOM node (storage, query and retrieval) until told to stop."
    # The others read every page of the product into memory, and the web server has asked them.
    requires_system_checks = (Tags.security,)

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            wait_until_prepared(settings.HOME, instance=settings.INSTANCE)
            refuse_unready()
        except CannotRun as refused:
            raise CommandError(str(refused)) from None
        # Before anybody can call and before the processes part: whoever is told to stop early stops in order, too.
        ending = Ending()
        node = dicom_node.Node(processes=settings.DICOM_PROCESSES)
        node.rehearse()
        family = processes.part(node.crew.size)
        node.crew.number = family.number
        node.serve()
        family.watch()
        ending.wait()
        family.end()
        node.stop()
        family.join()
