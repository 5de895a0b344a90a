"""The digital reference object as one door: specs in, CT and SEG with a known truth out."""

from config.demo.lesions import Lesion, Organ, sum_of_diameters
from config.demo.markings import make_seg
from config.demo.scans import ScanSpec, make_ct, make_uid, to_bytes
from config.demo.subjects import SUBJECTS, Outcome, PhantomSubject, Visit
from config.demo.thorax import Grid

__all__ = [
    "SUBJECTS",
    "Grid",
    "Lesion",
    "Organ",
    "Outcome",
    "PhantomSubject",
    "ScanSpec",
    "Visit",
    "make_ct",
    "make_seg",
    "make_uid",
    "sum_of_diameters",
    "to_bytes",
]
