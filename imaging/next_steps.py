"""What a site does next about files that were refused, by the reason's code: the sentence beside the reason."""

from typing import Any

from django.utils.translation import gettext_lazy as _

_EXPORT_AGAIN = _("Export these files anew from where they come from, then send the scan again.")
_LEAVE_OUT = _(
    "Scans rarely need these files: nothing has to be done unless the charter asks for them; then ask the coordinator."
)
_WITHOUT_NAMES = _(
    "Export the images without names in the picture, then send the scan again; or ask the core laboratory."
)
_SMALLER = _("Divide what you send, or leave the archive unpacked, then send the scan again.")
_RIGHT_SUBJECT = _(
    "Check subject and time point. Send the right scan for the right one, then have these files discarded here."
)
_OTHERWISE = _("Mend what the reason names at its source, then send the scan again; or ask the coordinator.")

_STEPS: dict[str, Any] = {
    **dict.fromkeys(
        ("damaged-here", "empty", "not-dicom", "malformed", "incomplete", "pixels-damaged", "size-differs"),
        _EXPORT_AGAIN,
    ),
    **dict.fromkeys(("unknown-object", "transfer-syntax", "document-refused"), _LEAVE_OUT),
    **dict.fromkeys(("pixels-need-review", "pixels-refused"), _WITHOUT_NAMES),
    **dict.fromkeys(("too-large", "too-many", "too-deep"), _SMALLER),
    **dict.fromkeys(("other-time-point", "other-patient"), _RIGHT_SUBJECT),
    "conflict": _("Nothing to do at the site: the coordinator compares the two images and decides."),
    "after-withdrawal": _("Have these files discarded, and send nothing acquired after that day."),
    "faces-remain": _("Nothing to do at the site: the core laboratory looks at its de-identification."),
}


def step_for(code: str) -> str:
    return str(_STEPS.get(code, _OTHERWISE))
