"""Untrusted bytes are parsed, cleaned and decoded in a child process with limits; a crash there costs one file (S07).

The functions here take the place of those of `deid` and `imaging.frames` they are named after.
"""

from imaging.fence.calls import (
    Fenced,
    Rules,
    announce,
    clean,
    compare,
    deface,
    identify,
    look,
    prove,
    render,
    shows_text,
)

__all__ = [
    "Fenced",
    "Rules",
    "announce",
    "clean",
    "compare",
    "deface",
    "identify",
    "look",
    "prove",
    "render",
    "shows_text",
]
