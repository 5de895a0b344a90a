"""The states of one module of one form version for one person; an event that fits no state is refused."""

from enum import StrEnum


class Module(StrEnum):
    """A part of a consent form that is agreed to or refused on its own (GDPR 7(2))."""

    IMAGING = "imaging"
    COMPUTING = "computing"
    SPONSOR_EXPORT = "export"
    SECONDARY = "secondary"


class State(StrEnum):
    NOT_ASKED = "not_asked"
    ASKED = "asked"
    GIVEN = "given"
    VALID = "valid"
    REFUSED = "refused"
    INVALID = "invalid"
    EXPIRED = "expired"
    RECONSENT_DUE = "reconsent_due"
    WITHDRAWN = "withdrawn"


class Event(StrEnum):
    """What happens to a consent. All but the last two are recorded as rows; those two follow from dates and forms."""

    ASKED = "asked"
    GIVEN = "given"
    REFUSED = "refused"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


class OutOfOrderError(ValueError):
    """The event does not fit the state."""


# After any of these a person may be asked, sign or refuse anew.
_OPEN = (State.NOT_ASKED, State.ASKED, State.REFUSED, State.INVALID, State.EXPIRED, State.WITHDRAWN)
_WITHDRAWABLE = (State.GIVEN, State.VALID, State.INVALID, State.EXPIRED, State.RECONSENT_DUE)

MOVES: dict[tuple[State, Event], State] = {
    **{(state, Event.ASKED): State.ASKED for state in _OPEN},
    **{(state, Event.GIVEN): State.GIVEN for state in (*_OPEN, State.GIVEN)},
    **{(state, Event.REFUSED): State.REFUSED for state in State},
    **{(state, Event.WITHDRAWN): State.WITHDRAWN for state in _WITHDRAWABLE},
    # A second sheet signed beside a checked one takes nothing away until its own check.
    (State.VALID, Event.GIVEN): State.VALID,
    (State.VALID, Event.CONFIRMED): State.VALID,
    (State.GIVEN, Event.CONFIRMED): State.VALID,
    (State.GIVEN, Event.REJECTED): State.INVALID,
    # What the person signed last could not be confirmed: nothing older is believed instead.
    (State.VALID, Event.REJECTED): State.INVALID,
    (State.VALID, Event.EXPIRED): State.EXPIRED,
    (State.RECONSENT_DUE, Event.EXPIRED): State.EXPIRED,
    (State.VALID, Event.SUPERSEDED): State.RECONSENT_DUE,
}


def step(state: State, event: Event) -> State:
    """Return the state after the event. Raises OutOfOrderError where none is named (design 3c)."""
    try:
        return MOVES[state, event]
    except KeyError:
        raise OutOfOrderError(f"{event} does not follow {state}") from None
