"""The one way the criteria refuse: input that no reader could have produced."""


class CriteriaError(ValueError):
    """The findings or responses contradict themselves; nothing is derived from them."""
