"""Which program took faces out of a series, and of how many of its objects: all that a certificate may claim of it."""

from dataclasses import dataclass
from typing import Any

CODE = "113102"


@dataclass(frozen=True, slots=True)
class Program:
    """A defacer: its name, what it says of its version, and the SHA-256 (hex) of each file that the command names."""

    name: str
    version: str
    files: tuple[tuple[str, str], ...]

    @property
    def told(self) -> dict[str, Any]:
        return {"name": self.name, "version": self.version, "sha256": dict(self.files)}


@dataclass(frozen=True, slots=True)
class FaceRecord:
    """What a defacer did to one series: of its `objects`, it changed the pixels of `changed`, at least one."""

    program: Program
    objects: int
    changed: int

    @property
    def told(self) -> dict[str, Any]:
        """What a certificate quotes, ready for JSON."""
        return {**self.program.told, "objects": self.objects, "changed": self.changed}

    @property
    def derivation(self) -> str:
        """What Derivation Description (0008,2111) says."""
        program = self.program
        return f"Recognizable visual features removed from the series by {program.name} ({program.version})"
