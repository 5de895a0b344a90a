"""Runs in an interpreter of its own, which has the peers: clean files with one of them, print its processor seconds."""

import importlib
import sys
import time
from pathlib import Path

from pydicom import dcmread


def clean_with_dicognito(paths: list[Path], target: Path) -> None:
    """As its README shows."""
    anonymizer = importlib.import_module("dicognito.anonymizer").Anonymizer()
    for path in paths:
        with dcmread(path) as dataset:
            anonymizer.anonymize(dataset)
            dataset.save_as(target / path.name)


def clean_with_deid(paths: list[Path], target: Path) -> None:
    """With its bundled recipe; the package has the name of ours, which `python -P` keeps out of its sight."""
    peer = importlib.import_module("deid.dicom")
    names = [str(path) for path in paths]
    peer.replace_identifiers(dicom_files=names, ids=peer.get_identifiers(names), save=True, output_folder=str(target))


PEERS = {"dicognito": clean_with_dicognito, "deid": clean_with_deid}

if __name__ == "__main__":
    started = time.process_time()
    PEERS[sys.argv[1]]([Path(name) for name in sys.argv[3:]], Path(sys.argv[2]))
    print(time.process_time() - started)
