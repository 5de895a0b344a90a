#!/usr/bin/env python
import os
import re
import sys
import uuid
from importlib.abc import MetaPathFinder

from django.core.exceptions import ImproperlyConfigured

from audit.actor import Actor, machine
from audit.context import acting
from audit.secrets import SecretUnsafe

# Which role of the database a command takes; every other one is the application.
_DATABASE_AS = {"migrate": "owner", "seal_audit": "sealer", "timestamp_audit": "sealer"}

# Who speaks with the world holds no decoder: pixels are decoded by the children of the fence alone (S07).
_DECODERS = ("gdcm", "pylibjpeg", "openjpeg")
# What pydicom and Celery import where they can: who computes, draws and fetches nothing starts quicker and smaller
# without.
_NEEDLESS = ("numpy", "PIL", "requests", "tqdm", "yaml", "greenlet")
# The driver of PostgreSQL, which Django REST framework takes where it can.
_DRIVER = ("psycopg",)
_WITHOUT = {"serve": _DECODERS, **dict.fromkeys(("dicom_node", "migrate", "seal_audit"), (*_DECODERS, *_NEEDLESS))}


class _Withheld(MetaPathFinder):
    """Modules that are not there for this process: whoever can do without them does.

    A None in sys.modules would say so too, but psycopg takes whatever stands there for numpy.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def find_spec(self, fullname: str, *_more: object) -> None:
        if fullname.partition(".")[0] in self._names:
            raise ModuleNotFoundError(f"{fullname} is withheld from this process", name=fullname)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if part := _DATABASE_AS.get("".join(sys.argv[1:2])):
        os.environ.setdefault("CORELAB_DATABASE_AS", part)
    sys.meta_path.insert(0, _Withheld(_withheld(sys.argv[1:])))
    from django.core.management import execute_from_command_line  # noqa: PLC0415  settings must be named first

    with acting(_operator(sys.argv[1:2])):
        try:
            execute_from_command_line(sys.argv)
        except (SecretUnsafe, ImproperlyConfigured) as unsafe:
            sys.exit(str(unsafe))


def _withheld(words: list[str]) -> tuple[str, ...]:
    # By hand it looks at every page first, and some compute.
    if words[:1] == ["migrate"] and "--skip-checks" not in words:
        return ()
    withheld = _WITHOUT.get("".join(words[:1]), ())
    return withheld if not withheld or _names_server() else (*withheld, *_DRIVER)


def _names_server() -> bool:
    """Whether anything of ours lies on a database server, the vault of identities among it."""
    return any(value for name, value in os.environ.items() if re.fullmatch("CORELAB_.*DATABASE.*_URL", name))


def _operator(words: list[str]) -> Actor:
    """Return the command as an actor, on behalf of whoever's account of this machine runs it (ICH E6(R3) 4.2.4)."""
    name = f"command {words[0]}" if words else "command"
    return machine(name, source="command", request_id=uuid.uuid4().hex, on_behalf_of=f"os:{os.getuid()}")


if __name__ == "__main__":
    main()
