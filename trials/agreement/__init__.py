"""What a person agreed to, as pure rules: the states of a consent, levels of withdrawal, and what each gate asks."""

from trials.agreement.gates import EFFECTS, GATES, Allowed, Answer, Effect, Gate, Why, judge
from trials.agreement.levels import LEVELS, Level
from trials.agreement.standing import Form, ModuleStanding, Reconsent, Row, Standing, stand
from trials.agreement.states import MOVES, Event, Module, OutOfOrderError, State, step

__all__ = [
    "EFFECTS",
    "GATES",
    "LEVELS",
    "MOVES",
    "Allowed",
    "Answer",
    "Effect",
    "Event",
    "Form",
    "Gate",
    "Level",
    "Module",
    "ModuleStanding",
    "OutOfOrderError",
    "Reconsent",
    "Row",
    "Standing",
    "State",
    "Why",
    "judge",
    "stand",
    "step",
]
