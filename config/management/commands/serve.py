from typing import Any

import waitress
from django.conf import settings
from django.core.management.base import BaseCommand

from config.wsgi import application


class Command(BaseCommand):
    help = "Serve the web pages with waitress until told to stop."

    def handle(self, *_args: Any, **_options: Any) -> None:
        waitress.serve(
            application,
            host=settings.BIND_ADDRESS,
            port=settings.WEB_PORT,
            threads=8,
            ident=None,
            max_request_body_size=settings.REQUEST_CAP,
            # Above the cap: waitress would otherwise spool a scan in the clear into a temporary file.
            inbuf_overflow=settings.REQUEST_CAP + 1024 * 1024,
            clear_untrusted_proxy_headers=True,
            channel_timeout=60,
        )
