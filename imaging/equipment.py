"""What a page gives its worker so that it can clean: addresses of Pyodide and of the engine, if they were laid out."""

from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings
from django.templatetags.static import static

PREFIX = "browser"
ENGINE = "engine-{}.zip"
_WORKER = "corelab/cleaner.js"


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """Addresses on this site; `home` is a folder, `digest` the SHA-256 (hex) of the engine's archive."""

    worker: str
    home: str
    engine: str
    digest: str

    @property
    def told(self) -> dict[str, str]:
        return asdict(self)


def equipment() -> Equipment | None:
    """Return what the page's worker needs; None where Pyodide was not fetched: then the encrypted intake takes all."""
    laid = laid_out(settings.BROWSER_ROOT)
    return Equipment(worker=static(_WORKER), **laid) if laid else None


def laid_out(root: Path) -> dict[str, str] | None:
    """Return the addresses of what config.equipping laid out under `root`, from the root of the site."""
    homes, engines = list(root.glob(f"{PREFIX}/pyodide-*")), list(root.glob(f"{PREFIX}/{ENGINE.format('*')}"))
    if not homes or not engines:
        return None
    before, after = ENGINE.split("{}")
    engine = engines[0].name
    return {
        "home": f"/{PREFIX}/{homes[0].name}/",
        "engine": f"/{PREFIX}/{engine}",
        "digest": engine.removeprefix(before).removesuffix(after),
    }
