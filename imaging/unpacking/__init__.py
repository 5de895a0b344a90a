"""The only way a site's archive is opened; see `planning` for what is judged before unpacking."""

from imaging.unpacking.planning import Skipped, ZipPlan, members, plan_zip
from imaging.unpacking.reading import Member
from imaging.unpacking.refusals import (
    ArchiveRefusal,
    ArchiveRefused,
    Limits,
    MemberRefusal,
    MemberRefused,
    RefusedMember,
)
from imaging.unpacking.sniffing import SeekableReader, is_archive, is_zip, looks_like_dicom

__all__ = [
    "ArchiveRefusal",
    "ArchiveRefused",
    "Limits",
    "Member",
    "MemberRefusal",
    "MemberRefused",
    "RefusedMember",
    "SeekableReader",
    "Skipped",
    "ZipPlan",
    "is_archive",
    "is_zip",
    "looks_like_dicom",
    "members",
    "plan_zip",
]
