"""The overall response table of one visit: target, non-target and new lesions together."""

from endpoints.criteria.findings import Response, Ruling


def decide(
    *, target: Response | None, non_target: Response | None, has_new_lesion: bool, is_disease_back: bool
) -> Ruling:
    """Return the overall response (RECIST 1.1 tables 1 and 2; None: no such lesions at baseline).

    Rows, first hit wins: 1 unequivocal new lesion PD; 2 target PD; 3 non-target PD, or non-target disease
    back after a complete response that stands; 4 target NE; 5 target CR with non-target CR or none: CR;
    6 target CR with anything else: PR; 7 target PR or SD as it is; 8 no targets at baseline: the
    non-target response.
    """
    return _progress(target, non_target, has_new_lesion=has_new_lesion, is_disease_back=is_disease_back) or (
        _respond_without_targets(non_target) if target is None else _respond(target, non_target)
    )


def _progress(
    target: Response | None, non_target: Response | None, *, has_new_lesion: bool, is_disease_back: bool
) -> Ruling | None:
    if has_new_lesion:
        return _rule(1, Response.PD, "an unequivocal new lesion")
    if target is Response.PD:
        return _rule(2, Response.PD, "target lesions progressed")
    if non_target is Response.PD:
        return _rule(3, Response.PD, "non-target lesions unequivocally progressed")
    if is_disease_back:
        return _rule(3, Response.PD, "non-target disease is seen again after a complete response")
    return None


def _respond(target: Response, non_target: Response | None) -> Ruling:
    if target is Response.NE:
        return _rule(4, Response.NE, "target lesions not evaluable and no progression elsewhere")
    if target is not Response.CR:
        return _rule(7, target, f"target {target.value} and no progression elsewhere")
    if non_target in {None, Response.CR}:
        return _rule(5, Response.CR, "no disease is left")
    return _rule(6, Response.PR, "targets are gone, non-target disease is not shown to be gone")


def _respond_without_targets(non_target: Response | None) -> Ruling:
    if non_target is None:
        return _rule(8, Response.NE, "no disease at baseline to compare with, so only PD can be told")
    return _rule(8, non_target, "no target lesions at baseline, so the non-target response decides")


def _rule(row: int, response: Response, words: str) -> Ruling:
    return Ruling(response=response, reason=f"Overall row {row}: {words}: {response.value}.")
