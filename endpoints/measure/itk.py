"""SimpleITK as one name without types: the package says it is typed, but its calls are not.

It is loaded when it is first used: pages hold what was measured, and do without its 90 MiB and third of a second.
"""

from importlib import import_module
from typing import Any


class _WhenUsed:
    def __getattr__(self, name: str) -> Any:
        return getattr(import_module("SimpleITK"), name)


itk: Any = _WhenUsed()
