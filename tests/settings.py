"""The suite's settings: a home of its own, a fast password hash, and Celery tasks that are never sent by accident."""

import os
import tempfile
from pathlib import Path

_scratch = tempfile.TemporaryDirectory(prefix="corelab-tests-")
os.environ["CORELAB_HOME"] = str(Path(_scratch.name))

from config.settings import *  # noqa: E402, F403  the home must be named first
from config.words import compile_catalogs  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES |= {  # noqa: F405  from the star above
    # Hashed names need collectstatic, which the stack tests run for real.
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_ROOT = HOME / "static"  # noqa: F405  from the star above
STATIC_ROOT.mkdir()
WHITENOISE_ROOT.mkdir()  # noqa: F405
compile_catalogs(WORDS_ROOT, LOCALE_PATHS[0])  # noqa: F405  from the star above

# The vault has its database in every test run, and is off unless a test turns it on.
VAULT_ON = False
_name = str(DATABASES["default"]["NAME"])  # noqa: F405
DATABASES["identity"] = DATABASES["default"] | {  # noqa: F405
    "NAME": f"{_name}_vault" if "postgresql" in DATABASES["default"]["ENGINE"] else HOME / "identity" / "vault.sqlite3",  # noqa: F405
}
for _database in DATABASES.values():  # noqa: F405
    if "postgresql" not in _database["ENGINE"]:
        # Said in words: a process of several would otherwise make a file of a name of its own.
        _database["TEST"] = {"NAME": ":memory:"}
if "postgresql" not in DATABASES["identity"]["ENGINE"]:  # noqa: F405
    # It comes as its own migration made it (tests/prepared.py); those of the others leave nothing in it.
    DATABASES["identity"]["TEST"]["MIGRATE"] = False  # noqa: F405
