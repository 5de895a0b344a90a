import gc
import io
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.urls import get_resolver

from config import receiving
from config.readiness import refuse_unready
from config.single import CannotRun, wait_until_prepared

# Above our own cap, so that a request a little too large gets our sentence; far above it waitress refuses unread.
_SLACK = 1024 * 1024


class Command(BaseCommand):
    help = "Serve the web pages with waitress until told to stop."

    def handle(self, *_args: Any, **_options: Any) -> None:
        settle()
        try:
            wait_until_prepared(settings.HOME, instance=settings.INSTANCE)
            refuse_unready()
        except CannotRun as refused:
            raise CommandError(str(refused)) from None
        if settings.VAULT_ON:
            # Also where no `run` stands above: pages never open on a vault whose key does not fit.
            call_command("open_vault", stdout=io.StringIO())
        # What start-up asked was asked by this thread, which serves nobody.
        connections.close_all()
        receiving.serve(
            # Made now: it looks at the static files, which were laid out while we loaded.
            get_wsgi_application(),
            host=settings.BIND_ADDRESS,
            port=settings.WEB_PORT,
            threads=8,
            ident=None,
            max_request_body_size=settings.REQUEST_CAP + _SLACK,
            # Higher still: waitress would otherwise spool a scan in the clear into a temporary file.
            inbuf_overflow=settings.REQUEST_CAP + 2 * _SLACK,
            # And a long answer: what a look at a person's own file shows lies in no file either.
            outbuf_overflow=settings.REQUEST_CAP + 2 * _SLACK,
            clear_untrusted_proxy_headers=True,
            **_proxy(),
            channel_timeout=60,
        )


def settle() -> None:
    """Load every page, and keep what start-up made out of all later collections: a full one holds a page for 0.3 s."""
    _loaded = get_resolver().url_patterns
    gc.collect()
    gc.freeze()


def _proxy() -> dict[str, Any]:
    if not settings.TRUSTED_PROXY:
        return {}
    return {
        "trusted_proxy": settings.TRUSTED_PROXY,
        "trusted_proxy_count": 1,
        # Where a request came from is counted by the door (S21): the proxy's own word, which stands last.
        "trusted_proxy_headers": {"x-forwarded-proto", "x-forwarded-for"},
    }
