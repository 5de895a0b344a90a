"""The one seam to the identity vault: an installation may run without it, and then there is nothing to shred."""

import importlib.util

from django.utils.module_loading import import_string

from audit.actor import Actor

# identity.services.shred(*, by, subject_code, trial_code, reason), by name while the vault is an option.
_MODULE, _SHRED = "identity.services", "identity.services.shred"


def shred(*, by: Actor, subject_code: str, trial_code: str, reason: str) -> bool:
    """Destroy the subject's data key in the vault; whether this installation has a vault at all.

    Whatever the vault raises passes through: an erasure that could not shred is none.
    """
    if importlib.util.find_spec(_MODULE) is None:
        return False
    shredded = import_string(_SHRED)(by=by, subject_code=subject_code, trial_code=trial_code, reason=reason)
    return bool(shredded.has_vault)
