"""Anchors in questions of ours: on PostgreSQL a trial or site of an anchored row is asked of the row itself."""

from typing import Any

from django.db.models import BigIntegerField, F, Model, Q
from django.db.models.expressions import Col
from django.db.models.lookups import Exact

from trials.fences.tables import Fence


def is_anchored(model: type[Model], *, vendor: str) -> bool:
    fence = getattr(model, "fence", None)
    return vendor == "postgresql" and isinstance(fence, Fence) and fence.anchored


def stands_on(anchor: str, key: int | None) -> Q:
    """Return the condition that an anchor of the asked row, SITE or TRIAL, is this key; where there is none, no row."""
    return Q(Exact(_Anchor(anchor), key)) if key is not None else Q(pk__in=())


class _Anchor(F):
    """A column of the asked row itself that no model names."""

    def __init__(self, column: str) -> None:
        # Its name is what tells one from another where Django puts conditions together.
        super().__init__(column)
        self.column = column

    def resolve_expression(
        self,
        query: Any = None,
        allow_joins: bool = True,  # noqa: FBT001, FBT002  Django's signature
        reuse: Any = None,
        summarize: bool = False,  # noqa: FBT001, FBT002  Django's signature
        for_save: bool = False,  # noqa: ARG002, FBT001, FBT002  Django's signature
    ) -> Any:
        key: Any = query.resolve_ref("pk", allow_joins, reuse, summarize)
        return _AnchorCol(key.alias, key.target, column=self.column)


class _AnchorCol(Col):
    def __init__(self, alias: str, target: Any, *, column: str) -> None:
        super().__init__(alias, target, BigIntegerField())
        self.column = column

    def as_sql(self, compiler: Any, _connection: Any) -> tuple[str, tuple[str | int, ...]]:
        return f"{compiler.quote_name_unless_alias(self.alias)}.{compiler.quote_name_unless_alias(self.column)}", ()

    def relabeled_clone(self, relabels: Any) -> "_AnchorCol":
        return _AnchorCol(relabels.get(self.alias, self.alias), self.target, column=self.column)
