"""Which kind of archive it is: its first bytes tell, its name never."""

from imaging.unpacking.reading import Plan
from imaging.unpacking.refusals import ArchiveRefusal, Limits, refuse_archive
from imaging.unpacking.sniffing import SeekableReader, is_gzip, is_tar, is_zip
from imaging.unpacking.tars import plan_gzip, plan_tar
from imaging.unpacking.zips import plan_zip

_HEAD = 512


def plan(reader: SeekableReader, limits: Limits | None = None) -> Plan:
    """Judge a whole ZIP, tar, tar.gz or gzipped image before unpacking anything; raises ArchiveRefused."""
    limits = limits or Limits()
    if is_zip(reader):
        return plan_zip(reader, limits)
    reader.seek(0)
    head = reader.read(_HEAD)
    reader.seek(0)
    if is_gzip(head):
        return plan_gzip(reader, limits)
    if not is_tar(head):
        refuse_archive(ArchiveRefusal.UNKNOWN_KIND, limits)
    return plan_tar(reader, limits)
