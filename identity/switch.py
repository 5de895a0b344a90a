"""Whether there is a vault at all. Pure: the settings ask before anything of Django is there."""

from collections.abc import Mapping

ALIAS = "identity"
URL = "CORELAB_VAULT_DATABASE_URL"
EMBEDDED = "CORELAB_VAULT"
KEY = "CORELAB_IDENTITY_KEY"
# The key that a rotation goes over to, where keys come by the environment.
NEXT_KEY = "CORELAB_IDENTITY_KEY_NEXT"
# What opens the vault: only the web server, and whoever runs a command, is given these.
CREDENTIALS = frozenset({URL, EMBEDDED, KEY, NEXT_KEY})
_WORDS = {"": False, "off": False, "on": True}


def is_on(environment: Mapping[str, str]) -> bool:
    """Whether the operator wants a vault: by the address of its database, or embedded. Raises ValueError."""
    word = environment.get(EMBEDDED, "").strip().lower()
    if word not in _WORDS:
        raise ValueError(f"{EMBEDDED} is on or off")
    return bool(environment.get(URL)) or _WORDS[word]


def without_credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a process that has no business with the vault."""
    return {name: value for name, value in environment.items() if name not in CREDENTIALS}
