"""The only way a site's archive is opened; each kind is judged whole before anything of it is unpacked."""

from imaging.unpacking.opening import plan
from imaging.unpacking.reading import Member, Plan, Skipped, members
from imaging.unpacking.refusals import (
    ArchiveRefusal,
    ArchiveRefused,
    Limits,
    MemberRefusal,
    MemberRefused,
    RefusedMember,
)
from imaging.unpacking.sniffing import SeekableReader, is_archive, is_file_set_directory, is_zip, looks_like_dicom

__all__ = [
    "ArchiveRefusal",
    "ArchiveRefused",
    "Limits",
    "Member",
    "MemberRefusal",
    "MemberRefused",
    "Plan",
    "RefusedMember",
    "SeekableReader",
    "Skipped",
    "is_archive",
    "is_file_set_directory",
    "is_zip",
    "looks_like_dicom",
    "members",
    "plan",
]
