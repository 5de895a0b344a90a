"""Long codes as a person reads and copies them: in groups."""

from collections.abc import Iterable
from textwrap import wrap

GROUP = 4


def grouped(codes: Iterable[str]) -> list[str]:
    return [" ".join(wrap(code, GROUP)) for code in codes]
