"""Of which objects faces must be gone under the option (PS3.15 E.3.2), and the sentences of those that may not pass."""

from collections.abc import Collection
from dataclasses import replace

from deid.defacing.record import FaceRecord
from deid.elements import PIXEL_TAGS, Item, Source
from deid.model import Policy, Rejected, Rejection
from deid.options import Option
from deid.risk import VISUAL_FEATURES
from deid.tables import objects

OPTION = Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES
# Their points follow the skin, and no defacer of pictures takes them out.
_CONTOURED = ("rt-structure-set", "surface-")


def faces_remain(what: str) -> Rejected:
    """Return a refusal; `what` is a sentence or two on what happened and what to do."""
    return Rejected(Rejection.FACES_REMAIN, f"{what} The object was not let through.")


def needs_defacing(item: Item) -> bool:
    """Whether an object has a picture: no header says for certain that it shows no face, nor together with others."""
    return not PIXEL_TAGS.isdisjoint(item)


def require_faces_gone(
    item: Item, *, sop_class_uid: str, options: Collection[Option], faces: FaceRecord | None
) -> None:
    """Raise Rejected for what may show a face under the option, unless a defacer did its work on the series."""
    if OPTION not in options:
        return
    if objects().iods.get(sop_class_uid, "").startswith(_CONTOURED):
        raise faces_remain(
            "This object holds contours or surfaces, which may follow a face, and the rules ask that faces be taken "
            "out. Send the pictures without it, or agree on rules without that option."
        )
    if faces is None and needs_defacing(item):
        raise faces_remain(
            "The rules ask that faces be taken out of pictures, and no program did so here. Clean the folder with "
            "python -m deid clean --defacer, or agree on rules without that option."
        )


def require_uncompressed(item: Item) -> None:
    """Raise Rejected for compressed pixels: their change could not be told from their unpacking."""
    if any(tag in item and item[tag].fragments is not None for tag in PIXEL_TAGS):
        raise faces_remain(
            "This picture is compressed, and faces are taken out of uncompressed pictures alone. Export it "
            "uncompressed, and run again."
        )


def header_policy(policy: Policy) -> Policy:
    """Return the policy by which headers are cleaned before the defacer sees them: all but the option on faces."""
    return replace(policy, options=policy.options - {OPTION})


def undeclared(source: Source) -> Source:
    """Return an object that does not say whether it shows a face: that is about to be decided."""
    return replace(source, item={tag: each for tag, each in source.item.items() if tag != VISUAL_FEATURES})
