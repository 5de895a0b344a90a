"""What a browser announces of files before it sends them."""

from collections.abc import Iterable
from typing import Any

from imaging.services.pieces import cut


def manifest_of(files: Iterable[bytes]) -> dict[str, Any]:
    """The body of a manifest: size and hashes of each file, in order."""
    return {"files": [{"size": len(data), "parts": hashes_of(data)} for data in files]}


def hashes_of(data: bytes) -> list[str]:
    return [piece.sha256 for piece in cut(number=0, data=data)]
