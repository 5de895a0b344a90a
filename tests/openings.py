"""Every address that opens, with the stage's objects in it and somebody who may: one list for all tests of pages."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from imaging.models import Submission
from tests.cast import Cast
from tests.test_access_matrix import OF_THE_VAULT, OWN_PAGES, ROLES, TABLE, Row, _objects
from trials.models import User

# Who is shown a page of their own that differs from the next one's.
DESKS = "CAQRDOX"


@dataclass(frozen=True, slots=True)
class Opening:
    """An address by the name of its row in the table, and who opens it: None has not signed in."""

    name: str
    path: str
    user: User | None


def openings(cast: Cast, filed: Submission) -> Iterator[Opening]:
    """Yield every address of the table that can be opened, with those that everybody has and the doors."""
    arguments = _objects(cast.trial, cast, filed, cast.reader, cast.coordinator).arguments
    for name, row in TABLE.items():
        if row.get:
            yield opening(cast, name, row, arguments[row.takes])
    for name in sorted(OWN_PAGES):
        yield from (Opening(name, reverse(name), getattr(cast, ROLES[letter])) for letter in DESKS)
    yield Opening("operator-account", reverse("operator-account", kwargs={"pk": cast.alba.pk}), cast.operator)
    yield Opening("admin:index", reverse("admin:index"), cast.operator)
    yield Opening("sign-in", reverse("sign-in"), None)


def of_the_vault(cast: Cast, **arguments: dict[str, Any]) -> Iterator[Opening]:
    """Yield the same for an installation that keeps identities; `arguments` by what a row takes."""
    for name, row in OF_THE_VAULT.items():
        if row.get:
            yield opening(cast, name, row, arguments[row.takes])


def opening(cast: Cast, name: str, row: Row, arguments: dict[str, Any]) -> Opening:
    """Return the address as somebody opens it who may also send its form, where there is one."""
    letter = next((letter for letter in row.get if letter in row.post), row.get[0])
    return Opening(name, reverse(name.partition(":")[0], kwargs=arguments), getattr(cast, ROLES[letter]))
