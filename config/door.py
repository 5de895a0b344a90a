"""Settings of the door: how long a session is good, and the house's own sign-in service. For `config.settings`."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from audit.secrets import load_secret
from trials.oidc import Provider, is_safe

_LEAST_MINUTES, _MOST_MINUTES = 5, 30
# Seconds until a session ends unused, and in any case; trials.services.sessions judges both, and writes down once a
# minute that one is used. A house may ask for less than thirty minutes, not for more.
SESSION_IDLE = min(_MOST_MINUTES, max(_LEAST_MINUTES, int(os.environ.get("CORELAB_IDLE_MINUTES", "30")))) * 60
SESSION_ABSOLUTE = 12 * 60 * 60
SESSION_RENEWAL = 60
# So long before the end a page warns.
SESSION_WARNING = 2 * 60
# So long a first step of signing in waits for the second.
SIGN_IN_PENDING = 5 * 60
# What the button of the sign-in service says.
OIDC_NAME = os.environ.get("CORELAB_OIDC_NAME", "your organisation's account")


def provider_in(keys: Path) -> Provider | None:
    """Return the house's sign-in service (OpenID Connect) where the environment names one.

    Its secret comes from CORELAB_OIDC_CLIENT_SECRET or from `oidc.secret` (0600) among the keys. Raises
    ImproperlyConfigured for an unsafe address or no client, SecretUnsafe for no secret or one that others may read.
    """
    issuer, client = os.environ.get("CORELAB_OIDC_ISSUER", ""), os.environ.get("CORELAB_OIDC_CLIENT_ID", "")
    if not issuer:
        return None
    if not is_safe(issuer) or not client:
        raise ImproperlyConfigured("CORELAB_OIDC_ISSUER must be an https address, with CORELAB_OIDC_CLIENT_ID.")
    return Provider(
        issuer=issuer,
        client_id=client,
        client_secret=load_secret(variable="CORELAB_OIDC_CLIENT_SECRET", path=keys / "oidc.secret"),
        strong=frozenset(os.environ.get("CORELAB_OIDC_SECOND_FACTOR", "").split()),
    )
