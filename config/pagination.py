"""How the API cuts its lists: a bound on what one answer may carry."""

from rest_framework.pagination import LimitOffsetPagination


class RecordPagination(LimitOffsetPagination):
    """Take `limit` and `offset`; a larger limit means the largest, whatever is no number counts as not given."""

    max_limit = 1000
