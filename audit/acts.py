"""The acts the trail knows, in words: what a filter offers, without asking a trail of millions which it holds."""

from typing import Any

from django.utils.translation import gettext_lazy as _

# The layer of values: what a trigger saw.
ROWS: dict[str, Any] = {
    "row.added": _("value added"),
    "row.changed": _("value changed"),
    "row.removed": _("value removed"),
    "row.adopted": _("value found when watching began"),
}
OF_TRIALS: dict[str, Any] = {
    "trial.created": _("trial founded"),
    "trial.opened": _("trial opened"),
    "trial.corrected": _("trial corrected"),
    "site.added": _("site joined"),
    "site.corrected": _("site corrected"),
    "role.granted": _("role granted"),
    "role.ended": _("role ended"),
    "consent_form.added": _("consent form added"),
    "charter.changed": _("charter settings changed"),
    "charter.amended": _("next charter version started"),
    "charter.approved": _("charter approved"),
    "time_point.scheduled": _("time point planned"),
    "time_point.unscheduled": _("planned time point removed"),
    "series.required": _("series required"),
    "subject.registered": _("subject registered"),
    "subject.corrected": _("subject corrected"),
    "consent.given": _("consent given"),
    "consent.withdrawn": _("consent withdrawn"),
    "delivery.started": _("delivery started"),
    "delivery.received": _("delivery received"),
    "delivery.assigned": _("delivery assigned to a time point"),
    "delivery.opened": _("delivery opened"),
    "delivery.deidentified": _("delivery de-identified"),
    "delivery.quarantined": _("delivery refused and kept encrypted"),
    "delivery.stalled": _("delivery stopped by a fault"),
    "delivery.resumed": _("delivery resumed"),
    "delivery.discarded": _("quarantined files discarded"),
    "images.filed": _("images filed"),
    "scan.filed": _("scan filed"),
    "scan.checked": _("scan checked"),
    "time_point.expected": _("time point expected"),
    "time_point.received": _("time point received"),
    "time_point.queried": _("time point queried"),
    "time_point.accepted": _("time point accepted"),
    "time_point.refused": _("time point refused"),
    "query.opened": _("query opened"),
    "query.answered": _("query answered"),
    "query.closed": _("query closed"),
    "segmentation.measured": _("segmentation measured"),
    "segmentation.refused": _("segmentation not measured"),
    "radiomics.computed": _("features computed"),
    "radiomics.refused": _("features not computed"),
    "read.assigned": _("case assigned"),
    "read.opened": _("case opened"),
    "read.viewed": _("case looked at"),
    "lesion.named": _("lesion named"),
    "lesion.measured": _("lesion recorded"),
    "lesion.removed": _("lesion taken back"),
    "read.locked": _("read locked"),
    "response.derived": _("response derived"),
    "endpoint.derived": _("endpoint derived"),
    "report.built": _("report built"),
    "report.released": _("report released"),
    "report.sealed": _("report sealed"),
    "report.downloaded": _("report downloaded"),
    "results.taken": _("results taken by a script"),
    "report.verified": _("document verified"),
    "record.signed": _("record signed"),
    "signature.refused": _("signature refused"),
    "signature.failed": _("wrong password or code when signing"),
    "signature.locked": _("signing locked after wrong tries"),
    "audit.exported": _("audit trail exported"),
    "trail.reviewed": _("audit trail reviewed"),
    "trail.masked": _("record of the trail masked"),
}
# These belong to no trial.
OF_THE_INSTALLATION: dict[str, Any] = {
    "account.added": _("account added"),
    "account.changed": _("account changed"),
    "sign_in.succeeded": _("signed in"),
    "sign_in.failed": _("sign-in failed"),
    "sign_in.locked": _("sign-in locked"),
    "sign_out": _("signed out"),
    "second_factor.enrolled": _("second factor set up"),
    "second_factor.removed": _("second factor removed"),
    "second_factor.failed": _("wrong code of the second factor"),
    "second_factor.locked": _("second factor locked"),
    "recovery_code.used": _("recovery code used"),
    "letter.filed": _("letter of non-repudiation filed"),
    "clock.drifted": _("clock drifted"),
    "seal.refused": _("sealing refused"),
    "checkpoint.stamped": _("checkpoint stamped by an outside clock"),
    "trail.installed": _("triggers installed"),
}
WORDS: dict[str, Any] = OF_TRIALS | ROWS | OF_THE_INSTALLATION


def words(act: str) -> str:
    """Return the act in words; one that is not known here keeps its name."""
    return str(WORDS.get(act, act))
