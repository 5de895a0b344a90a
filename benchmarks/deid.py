"""Cleaning a folder of CT slices on one core, against a plain copy, pydicom and other tools: `-m benchmarks.deid`.

Every number is files per processor second over the same files in memory; ratios to the plain copy outlive machines.
`--peers PYTHON` names an interpreter that has dicognito and deid; gdcmanon and Orthanc are measured where installed.
"""

import argparse
import gc
import io
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRBigEndian

import deid
from benchmarks import deid_orthanc
from benchmarks.frames import SPEC
from config.demo.phantom import make_ct, to_bytes
from deid.writer import write_file

KEY = bytes(range(32))
TRIAL = deid.ClinicalTrial(
    sponsor="Northlight",
    protocol_id="TUNDRA-001",
    protocol_name="The TUNDRA trial",
    site_id="01",
    site_name="First site",
    subject_code="7K3M-0001",
    time_point_id="BL",
    time_point_description="Baseline",
    coordinating_center="Corelab",
)
POLICY = deid.Policy()
FILES, FEW, ROUNDS, MANY = 500, 60, 3, 10_000
MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108  a file system in memory: disks would be measured otherwise
GDCMANON = shutil.which("gdcmanon") or ""
# Of its own memory alone: what it was forked from would count in getrusage.
COMMAND = """
import sys
from deid.__main__ import main
code = main(sys.argv[1:])
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")))
sys.exit(code)
"""
PEERS = Path(__file__).with_name("deid_peers.py")


@dataclass(frozen=True, slots=True)
class Way:
    """One way to turn a folder of files into another one; `seconds` returns its processor seconds."""

    name: str
    files: int
    seconds: Callable[[list[Path], Path], float]


def make_files(folder: Path, count: int) -> list[Path]:
    """Write CT slices of half a megabyte with private blocks and sequences of three levels, as scanners send them."""
    spec = replace(SPEC, grid=replace(SPEC.grid, slices=4))
    slices = make_ct(spec)
    return [
        _write(_dressed(slices[number % len(slices)], number), folder / f"{number:05}.dcm") for number in range(count)
    ]


def _write(dataset: Dataset, path: Path) -> Path:
    path.write_bytes(to_bytes(dataset))
    return path


def _dressed(dataset: Dataset, number: int) -> Dataset:
    """Return a slice with what real headers hold: some of it different in each, most of it the same in a series."""
    uid = UID(f"{dataset.SeriesInstanceUID[:50]}.{number}")
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
    dataset.InstanceNumber, dataset.SliceLocation = number + 1, f"{number * 0.625:.3f}"
    dataset.ImagePositionPatient = ["-153.3", "-153.3", f"{number * 0.625:.3f}"]
    dataset.ContentTime = f"0930{number % 60:02}.{number:06}"
    dataset.InstitutionAddress, dataset.StationName = "12 Phantom Road, Nowhere", "PHANTOMCT1"
    dataset.OperatorsName, dataset.ProtocolName = "PHANTOM^OPERATOR", "Chest routine"
    dataset.XRayTubeCurrent, dataset.ExposureTime, dataset.Exposure = 200, 500, 100
    dataset.FilterType, dataset.GantryDetectorTilt, dataset.TableHeight = "BODY FILTER", "0", "151.5"
    block = dataset.private_block(0x0009, "PHANTOM PRIVATE 01", create=True)
    for place in range(12):
        block.add_new(place, "LO", f"private value {place}")
    block.add_new(0x20, "OB", bytes(range(256)) * 4)
    dataset.RequestAttributesSequence = Sequence([_request()])
    dataset.ReferencedImageSequence = Sequence([_reference(number)])
    return dataset


def _request() -> Dataset:
    request, code, step = Dataset(), Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "CTCHEST", "99PHANTOM", "CT of the chest"
    step.ScheduledProcedureStepID, step.ScheduledProtocolCodeSequence = "PH-1", Sequence([code])
    request.RequestedProcedureID, request.ScheduledProcedureStepDescription = "PH-1", "Chest"
    request.ScheduledProtocolCodeSequence = Sequence([code])
    request.RequestedProcedureCodeSequence = Sequence([code, step])
    return request


def _reference(number: int) -> Dataset:
    reference, purpose = Dataset(), Dataset()
    purpose.CodeValue, purpose.CodingSchemeDesignator, purpose.CodeMeaning = "121311", "DCM", "Localizer"
    reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    reference.ReferencedSOPInstanceUID = f"1.2.826.0.1.3680043.8.498.77.{number}"
    reference.PurposeOfReferenceCodeSequence = Sequence([purpose])
    return reference


def _timed(deed: Callable[[Path, Path], object]) -> Callable[[list[Path], Path], float]:
    def seconds(paths: list[Path], target: Path) -> float:
        started = time.process_time()
        for path in paths:
            deed(path, target / path.name)
        return time.process_time() - started

    return seconds


def _clean_files(*, looks_twice: bool) -> Callable[[list[Path], Path], float]:
    def seconds(paths: list[Path], target: Path) -> float:
        engine = deid.Engine(key=KEY, trial=TRIAL, policy=POLICY, looks_twice=looks_twice)
        return _timed(lambda source, result: clean_file(engine, source, result))(paths, target)

    return seconds


def clean_file(engine: deid.Engine, source: Path, target: Path) -> None:
    """Clean from file to file; plain pixels are copied by the kernel."""
    with io.FileIO(source) as original, io.FileIO(target, "w") as result:
        write_file(engine.clean_file(original.fileno()).parts, target=result.fileno())


def _clean_bytes(paths: list[Path], target: Path) -> float:
    engine = deid.Engine(key=KEY, trial=TRIAL, policy=POLICY)
    return _timed(lambda source, result: result.write_bytes(engine.clean(source.read_bytes()).data))(paths, target)


def _read_and_save(source: Path, target: Path) -> None:
    dcmread(source).save_as(target, enforce_file_format=True)


def _clean_big_endian(paths: list[Path], target: Path) -> float:
    """Return the seconds for the same slices in the retired big endian encoding, which nothing can be left in."""
    turned = [_big_endian(path, target / f"big-{path.name}") for path in paths]
    return _clean_bytes(turned, target)


def _big_endian(source: Path, target: Path) -> Path:
    dataset = dcmread(source)
    for _ in dataset.iterall():
        pass
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    swapped = array("H", dataset.PixelData)
    swapped.byteswap()
    dataset.PixelData = swapped.tobytes()
    dcmwrite(target, dataset, implicit_vr=False, little_endian=False, force_encoding=True)
    return target


def _gdcmanon(paths: list[Path], target: Path) -> float:
    certificate = target / "certificate.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -keyout {os.devnull} -out {certificate}"
    subprocess.run(command.split(), check=True, capture_output=True)
    folder = target / "few"
    folder.mkdir(exist_ok=True)
    for path in paths:
        shutil.copy(path, folder)
    before = _children()
    arguments = ["-e", "-r", "--continue", "-c", str(certificate), str(folder), str(target / "gdcm")]
    subprocess.run([GDCMANON, *arguments], check=True, capture_output=True)
    return _children() - before


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _peer(python: str, name: str) -> Callable[[list[Path], Path], float]:
    def seconds(paths: list[Path], target: Path) -> float:
        command = [python, "-P", str(PEERS), name, str(target), *map(str, paths)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return float(done.stdout.split()[-1])

    return seconds


def ways(peers: str) -> Iterator[Way]:
    """Yield the floors, ours and whoever else is on this machine."""
    yield Way("plain copy (floor)", FILES, _timed(shutil.copyfile))
    yield Way("pydicom reading and saving (floor)", FILES, _timed(_read_and_save))
    yield Way("ours, file to file, without the second look", FILES, _clean_files(looks_twice=False))
    yield Way("ours, file to file", FILES, _clean_files(looks_twice=True))
    yield Way("ours, bytes to bytes", FILES, _clean_bytes)
    yield Way("ours, big endian (slow path)", FEW, _clean_big_endian)
    if GDCMANON:
        yield Way("gdcmanon -e", FILES, _gdcmanon)
    if deid_orthanc.ORTHANC:
        yield Way("Orthanc, store and anonymize", FILES, deid_orthanc.store_and_anonymize)
        yield Way("Orthanc, anonymize alone", FILES, deid_orthanc.anonymize)
    if peers:
        yield from (Way(name, FEW, _peer(peers, name)) for name in ("dicognito", "deid"))


def measure(paths: list[Path], peers: str) -> None:
    """Print files per processor second of each way, the median of interleaved rounds, and its ratio to the copy."""
    known = list(ways(peers))
    for name, is_here in (("gdcmanon", GDCMANON), ("Orthanc", deid_orthanc.ORTHANC)):
        if not is_here:
            print(f"{name} is not installed here and is left out")
    rates: dict[str, list[float]] = {way.name: [] for way in known}
    for _ in range(ROUNDS):
        for way in known:
            with tempfile.TemporaryDirectory(dir=paths[0].parent) as target:
                rates[way.name].append(way.files / way.seconds(paths[: way.files], Path(target)))
    copy = statistics.median(rates[known[0].name])
    for name, found in rates.items():
        rate = statistics.median(found)
        print(f"{rate:8.0f} files per CPU second  {copy / rate:6.1f} x copy  best {max(found):6.0f}  {name}")


def measure_memory(paths: list[Path]) -> None:
    """Print how much memory cleaning thousands of files takes, early and at the end."""
    engine = deid.Engine(key=KEY, trial=TRIAL, policy=POLICY)
    for number in range(MANY):
        path = paths[number % len(paths)]
        clean_file(engine, path, path.with_suffix(".out"))
        path.with_suffix(".out").unlink()
        if number + 1 in {MANY // 10, MANY}:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{peak:8.0f} MiB at most after {number + 1} files")


def measure_command(paths: list[Path]) -> None:
    """Print how much memory `python -m deid clean --report` takes over thousands of names of these files."""
    home = paths[0].parent / "command"
    (home / "in").mkdir(parents=True)
    for number in range(MANY):
        os.link(paths[number % len(paths)], home / "in" / f"{number:05}.dcm")
    key = home / "key"
    key.write_text(KEY.hex())
    key.chmod(0o600)
    words = ["clean", home / "in", home / "out", "--key-file", key, "--report", home / "report.json"]
    done = subprocess.run([sys.executable, "-c", COMMAND, *words], check=True, capture_output=True, text=True)
    told = json.loads((home / "report.json").read_text())
    print(
        f"{int(done.stdout.split()[-2]) / 1024:8.0f} MiB at most: {len(told['files'])} files by command, with a report"
    )
    shutil.rmtree(home)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default="", metavar="PYTHON", help="interpreter with dicognito and deid")
    peers = parser.parse_args().peers
    gc.freeze()  # for everybody: what was imported is not looked through again and again
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(dir=MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None) as folder:
        paths = make_files(Path(folder), FILES)
        print(f"{len(paths)} files of {paths[0].stat().st_size // 1024} KiB")
        sys.stdout.flush()
        if os.fork() == 0:  # a process of its own, so that nothing measured before counts
            measure_memory(paths)
            sys.stdout.flush()
            os._exit(0)
        os.wait()
        measure_command(paths)
        measure(paths, peers)


if __name__ == "__main__":
    main()
