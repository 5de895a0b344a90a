"""Archives on the road: what a site packs arrives, what is no image is left aside, what is bad is named."""

import gzip
import io
import json
import tarfile

import pytest
from pydicom import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage, generate_uid

from imaging import progress, quarantine
from imaging.models import CleaningCertificate, IncomingFile, Instance, Submission
from tests.cast import Cast
from tests.imaging.scans import baseline_of, ct_series, drive, send, to_bytes

pytestmark = pytest.mark.django_db
State = IncomingFile.State


def file_set_directory() -> bytes:
    """A DICOMDIR whose one record refers to a file that did not come."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MediaStorageDirectoryStorage, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    directory = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    record = Dataset()
    record.DirectoryRecordType, record.ReferencedFileID = "IMAGE", ["OUTSIDE", "SECRET"]
    directory.FileSetID, directory.DirectoryRecordSequence = "SCAN", [record]
    return to_bytes(directory)


def tar_of(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as bundle:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            bundle.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


@pytest.mark.req("R-ARC-01")
def test_a_tar_gz_with_a_dicomdir_goes_the_whole_road_and_its_bad_file_is_named(cast: Cast) -> None:
    scan = {f"scan/{number}": data for number, data in enumerate(ct_series(4))}
    more = {"DICOMDIR": file_set_directory(), "scan/index": file_set_directory(), "scan/notes.txt": b"no image" * 90}
    done = drive(send(cast.alba, baseline_of(cast), [tar_of(scan | more)]))
    assert done.state == Submission.State.CHECKED
    assert (Instance.objects.count(), done.files.filter(state=State.FILED).count()) == (4, 4)
    (refusal,) = progress.refusals(done)
    assert (refusal["code"], refusal["count"]) == ("not-dicom", 1)


@pytest.mark.req("R-ARC-01")
def test_images_gzipped_one_by_one_are_taken(cast: Cast) -> None:
    done = drive(send(cast.alba, baseline_of(cast), [gzip.compress(data) for data in ct_series(4)]))
    assert (done.state, Instance.objects.count()) == (Submission.State.CHECKED, 4)


@pytest.mark.req("R-ARC-07")
def test_a_dicomdir_of_a_folder_is_laid_aside_and_nothing_it_names_is_looked_for(cast: Cast) -> None:
    done = drive(send(cast.alba, baseline_of(cast), [file_set_directory(), *ct_series(4)]))
    assert (done.state, bytes(done.wrapped_key)) == (Submission.State.CHECKED, b"")
    assert done.files.get(number=0).state == State.DISCARDED
    certified = json.loads(CleaningCertificate.objects.get(submission=done).contents)
    assert (certified["cleaned"], certified["refused"]) == (4, 0)
    alone = drive(send(cast.alba, cast.subject_a.time_points.get(scheduled__code="FU1"), [file_set_directory()]))
    assert alone.state == Submission.State.QUARANTINED
    assert "no image" in alone.refusal


@pytest.mark.req("R-ARC-02")
def test_a_tar_with_a_link_is_kept_sealed_and_nothing_of_it_is_taken(cast: Cast) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as bundle:
        entry = tarfile.TarInfo("scan/0")
        entry.size = len(ct_series(1)[0])
        bundle.addfile(entry, io.BytesIO(ct_series(1)[0]))
        link = tarfile.TarInfo("scan/1")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        bundle.addfile(link)
    done = drive(send(cast.alba, baseline_of(cast), [packed.getvalue()]))
    assert done.state == Submission.State.QUARANTINED
    assert [(file.state, file.refusal_code) for file in done.files.all()] == [(State.REFUSED, "link")]
    assert quarantine.read_whole(done.files.get()) == packed.getvalue()
