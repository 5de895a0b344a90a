"""What a DICOMweb address stands in front of: the archive of a trial, or one blinded case."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from imaging.dicomweb.questions import Question
from imaging.dicomweb.resources import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One object under the names it has on this shelf; `read` gives its bytes, `syntax` is that of its pixels.

    `sha256` is that of the object as it is stored; `mark` is what its copy bears beside, "" where nothing.
    """

    sop_class: str
    study: str
    series: str
    instance: str
    syntax: str
    sha256: str
    read: Callable[[], bytes]
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A page of a search: values by name of attribute, and whether there are more."""

    rows: Sequence[Mapping[str, Any]]
    has_more: bool


class Shelf(Protocol):
    """What is told of it is fenced already: rights, consent and blinding stand behind these verbs."""

    def search(self, resource: Resource, question: Question) -> Found:
        """Return what fits. Raises PermissionDenied."""

    def objects(self, resource: Resource) -> Sequence[Held]:
        """Return the objects of a study, series or instance in order. Raises Http404 or PermissionDenied."""

    def require_open(self, resource: Resource) -> None:
        """Ask anew, in the middle of a long answer. Raises Http404 or PermissionDenied."""

    def note(self, resource: Resource, held: Sequence[Held]) -> None:
        """Keep that somebody took them."""
