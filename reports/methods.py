"""The rules behind the numbers, in words; frozen into every report, so an old report keeps the old words."""

from reports.contents import CharterFacts
from reports.prose import paragraphs

_RULES = """
Responses follow RECIST 1.1 (Eisenhauer et al., Eur J Cancer 2009). Each reader worked alone
and blinded: no subject code, no site, no other reader's result was shown. A reader measured target lesions
in millimetres, judged non-target lesions and looked for new ones; the read was then locked and signed.
Everything else was computed from the locked reads.

Sum of diameters: the longest diameters of all target lesions, and the short axis for lymph nodes. A target
too small to measure counts 5 mm, one that is gone counts 0 mm. Where a target could not be evaluated there
is no sum. The nadir is the smallest sum before the visit, baseline included.

Target response: CR where all targets are gone and all target nodes are below 10 mm; PD where the sum is at
least 20 % and at least 5 mm above the nadir; PR where it is at least 30 % below baseline; otherwise SD. A
PR that was held stays PR until PD. Target disease seen again after a complete response is PD.

Overall response: PD where targets or non-targets progressed or an unequivocal new lesion was found; NE
where targets could not be evaluated and nothing progressed; CR where nothing is left; PR where targets are
gone but non-target disease is not shown to be gone; otherwise the target response. Without target lesions
the non-target response decides.

Best overall response: the best of all visits up to the first PD. {confirmed}; SD counts from {sd_days} days
after day zero; otherwise PD, or NE where no visit could be evaluated.

Change from baseline is the sum's change in percent of the baseline sum; the best change is the smallest one
of all visits after baseline. The lines at +20 % and -30 % in the figures help the eye: progression is
judged from the nadir, not from baseline.

The day is that of the images, counted from the subject's day zero. Where it is marked “planned”, the images
tell no day and the day planned in the charter stands for it.
"""
_CONFIRMED = "CR and PR count when a visit at least {days} days later confirms them, with at most one NE between"
_UNCONFIRMED = "CR and PR count without confirmation"


def describe(charter: CharterFacts) -> tuple[str, ...]:
    """Say how responses were derived under this charter (RECIST 1.1 sections 4.3 to 4.6, tables 1 to 3)."""
    confirmed = _CONFIRMED if charter.confirmation_required else _UNCONFIRMED
    told = _RULES.format(confirmed=confirmed.format(days=charter.confirmation_days), sd_days=charter.minimum_sd_days)
    return paragraphs(told)
