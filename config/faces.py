"""The program that takes faces out of pictures where a trial's rules ask for it, as the operator declares it (0026)."""

import os
from pathlib import Path

# "" where there is none.
DEFACER = os.environ.get("CORELAB_DEFACER", "")
# What one series may cost.
DEFACER_MINUTES = float(os.environ.get("CORELAB_DEFACER_MINUTES", "60"))
DEFACER_GIB = float(os.environ.get("CORELAB_DEFACER_GIB", "16"))
_MEMORY = Path("/dev/shm")  # noqa: S108  a folder in it that only its owner reads


def defacer_root(home: Path) -> Path:
    """Return where series lie, without a name, while it works: in memory where the system has a file system there."""
    usual = _MEMORY / f"corelab-faces-{os.getuid()}" if _MEMORY.is_dir() else home / "faces"
    return Path(os.environ.get("CORELAB_DEFACER_FOLDER") or usual)
