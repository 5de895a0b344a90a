"""Rules that every image is itself: with pixels, one under its UID, and no copy of another."""

from collections import defaultdict

from imaging.qc.delivery import Delivery, Findings, counted, finding
from imaging.qc.facts import InstanceFacts, Rule, Severity

_IMAGES = frozenset({"CT", "MR", "PT", "NM", "US", "CR", "DX", "MG", "XA", "RF", "OP", "SC", "ES", "SM"})


def check_same_uid(delivery: Delivery) -> Findings:
    """Name a UID that came twice with different content (reliability S14); equal copies are one image."""
    for copies in _group(delivery, "sop_instance_uid"):
        if len({one.sha256 for one in copies}) > 1:
            series = next(one for one in delivery.series if one.uid == copies[0].series_instance_uid)
            yield finding(
                Rule.SAME_UID,
                Severity.ERROR,
                f"{series.label} holds an image that came {len(copies)} times under the same identifier with "
                "different content; both are kept apart until the site says which one is right.",
                series=series,
                value=len(copies),
                limit=1,
            )


def check_same_pixels(delivery: Delivery) -> Findings:
    """Name images whose pixels equal those of an image with another UID, counted by series."""
    doubled: defaultdict[str, set[str]] = defaultdict(set)
    for copies in _group(delivery, "pixel_sha256"):
        uids = sorted({(one.sop_instance_uid, one.series_instance_uid) for one in copies})
        for uid, series_uid in uids[1:]:
            doubled[series_uid].add(uid)
    for series in delivery.series:
        count = len(doubled[series.uid])
        if count:
            yield finding(
                Rule.SAME_PIXELS,
                Severity.WARNING,
                f"{series.label} holds {counted(count, 'image')} whose pixels equal those of another image.",
                series=series,
                value=count,
                limit=0,
            )


def check_pixels_present(delivery: Delivery) -> Findings:
    """Name image series with images that hold no pixels."""
    for series in delivery.series:
        bare = sum(not one.has_pixels for one in series.instances)
        if bare and series.modality in _IMAGES:
            yield finding(
                Rule.NO_PIXELS,
                Severity.ERROR,
                f"{series.label} has {bare} of {counted(len(series.instances), 'image')} without any pixels.",
                series=series,
                value=bare,
                limit=0,
            )


def _group(delivery: Delivery, key: str) -> list[list[InstanceFacts]]:
    groups: defaultdict[str, list[InstanceFacts]] = defaultdict(list)
    for one in delivery.instances:
        groups[getattr(one, key)].append(one)
    return [groups[value] for value in sorted(groups) if value and len(groups[value]) > 1]
