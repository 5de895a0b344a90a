"""What the database's fence must know of a table: how its rows answer to trial, site and person."""

from dataclasses import dataclass

from trials.roles import Road


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """What a model adds to its road for the database; a model that says nothing is fenced by its road alone.

    A table that hangs on the trial itself is open to roles that stand on the whole trial; `shared` opens it to site
    staff and readers too. A table under a subject is open to whoever reaches the subject; `blinded` closes it to
    readers. `anchored` writes subject, site and trial beside each row of a large table deep under them
    (see trials.fences.anchors); what it hangs on is a subject, or anchored too.
    """

    shared: bool = False
    blinded: bool = False
    anchored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The lookup paths of a road, with what a fence adds."""

    trial: str
    site: str
    owner: str
    fence: Fence


def way_of(road: Road, fence: Fence) -> Way:
    return Way(trial=road.trial, site=road.site, owner=road.owner, fence=fence)
