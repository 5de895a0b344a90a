"""The non-target lesion table, tumour markers included."""

from collections.abc import Iterable

from endpoints.criteria.findings import MarkerState, NonTargetFinding, NonTargetState, Response, Ruling


def respond(non_targets: Iterable[NonTargetFinding], *, markers: MarkerState, does_cr_stand: bool) -> Ruling | None:
    """Return the non-target response (RECIST 1.1 section 4.3.3), or None when there was none at baseline.

    Rows, first hit wins: unequivocal progression PD; any not evaluated NE; any present non-CR/non-PD; markers
    raised non-CR/non-PD, or not evaluated NE; otherwise CR. After a complete response that stands, a
    non-target node counts as back only once unequivocally progressed (EORTC clarification on abnormal nodes).
    """
    findings = tuple(non_targets)
    if not findings:
        return _respond_to_markers(markers, does_cr_stand=does_cr_stand)
    labels = {
        state: ", ".join(sorted(finding.label for finding in findings if finding.state is state))
        for state in NonTargetState
    }
    if labels[NonTargetState.PROGRESSED]:
        return _rule(Response.PD, f"{labels[NonTargetState.PROGRESSED]} unequivocally progressed")
    if labels[NonTargetState.NOT_EVALUATED]:
        return _rule(Response.NE, f"not evaluated: {labels[NonTargetState.NOT_EVALUATED]}")
    if any(is_seen(finding, does_cr_stand=does_cr_stand) for finding in findings):
        return _rule(Response.NON_CR_NON_PD, f"still present: {labels[NonTargetState.PRESENT]}")
    return _respond_to_markers(markers, does_cr_stand=does_cr_stand) or _rule(
        Response.CR, "all are gone and all nodes are normal"
    )


def is_seen(finding: NonTargetFinding, *, does_cr_stand: bool) -> bool:
    """Whether the lesion is positively there; see `respond` for nodes after a complete response."""
    return finding.state is NonTargetState.PRESENT and not (finding.is_node and does_cr_stand)


def _respond_to_markers(markers: MarkerState, *, does_cr_stand: bool) -> Ruling | None:
    if markers is MarkerState.RAISED and does_cr_stand:
        # Markers alone never show disease that came back, but they leave the complete response in doubt.
        return _rule(Response.NE, "tumour markers rose after a complete response without visible disease")
    if markers is MarkerState.RAISED:
        return _rule(Response.NON_CR_NON_PD, "tumour markers are above normal")
    if markers is MarkerState.NOT_EVALUATED:
        return _rule(Response.NE, "tumour markers were not evaluated")
    return None


def _rule(response: Response, words: str) -> Ruling:
    return Ruling(response=response, reason=f"Non-target lesions: {words}: {response.value}.")
