"""Every way a scan comes: cleaned by the browser's engine, by the gateway's, sent by a scanner, or by STOW-RS as it is."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from audit.actor import machine
from deid.command.folder import opened
from deid.gateway.cleaning import Cleaner, name_of, pieces_of, trial_key
from deid.gateway.expectation import read_expectation, site_profile
from deid.gateway.survey import Keys, main_token, person_of, survey
from imaging.models import StowDelivery, Submission
from imaging.services import desk, submissions
from imaging.services.pieces import cut
from tests.cast import Cast, actor_for
from tests.imaging.scans import drive
from tests.imaging.stowing import body, sender_of
from tests.imaging.test_cleaned_on_site import begin, send_both
from trials.models import TimePoint

Way = Callable[[Cast, TimePoint, list[bytes]], Submission]
_NODE = machine("dicom-node", source="dicom", request_id="1", on_behalf_of="ALBA_PACS")
# The key that one gateway made for itself.
_KEY = bytes(range(32))


def named(time_point: TimePoint) -> str:
    return f"subject={time_point.subject.code}&timepoint={time_point.scheduled.code}"


def by_browser(cast: Cast, time_point: TimePoint, files: list[bytes]) -> Submission:
    return send_both(cast, begin(cast, time_point), there=files, here=[])


def by_scanner(cast: Cast, time_point: TimePoint, files: list[bytes]) -> Submission:
    """Come without a name; where the rule names no visit, a person says which."""
    delivery = submissions.start_unassigned(by=_NODE, trial_site=time_point.subject.trial_site)
    for number, data in enumerate(files):
        submissions.receive(by=_NODE, submission=delivery, pieces=cut(number=number, data=data))
    delivery = drive(submissions.close_association(by=_NODE, submission=delivery))
    if delivery.state != Submission.State.UNASSIGNED:
        return delivery
    return drive(desk.assign(by=actor_for(cast.coordinator), submission=delivery, time_point=time_point))


def by_stow(cast: Cast, time_point: TimePoint, files: list[bytes]) -> Submission:
    return _stowed(cast, time_point, files)


def by_gateway(cast: Cast, time_point: TimePoint, files: list[bytes]) -> Submission:
    return _sent_by_gateway(cast, time_point, files, tells=True)


def by_older_gateway(cast: Cast, time_point: TimePoint, files: list[bytes]) -> Submission:
    """As the gateway sent before it told whose scans they are."""
    return _sent_by_gateway(cast, time_point, files, tells=False)


def _sent_by_gateway(cast: Cast, time_point: TimePoint, files: list[bytes], *, tells: bool) -> Submission:
    told = sender_of(cast).get(f"/dicomweb/expected?{named(time_point)}&equip=1").json()
    expected = read_expectation(told)
    profile, key = site_profile(expected.profile), trial_key(_KEY, expected.trial)
    with tempfile.TemporaryDirectory() as place:
        for number, data in enumerate(files):
            (Path(place) / f"{number}.dcm").write_bytes(data)
        looked = survey(Path(place), keys=Keys(own=key, common=expected.common_key), show=lambda _done, _all: None)
        trial = profile.trial(subject_code=name_of(main_token(looked.found), key=key))
        cleaner, objects = Cleaner(key=key, trial=trial, policy=profile.policy), []
        for found in looked.found:
            with opened(found.path) as file:
                objects.append(b"".join(pieces_of(cleaner.clean(found, file))))
    headers = {"corelab-person": person_of(looked.found)} if tells else {}
    return _stowed(cast, time_point, objects, **headers)


def _stowed(cast: Cast, time_point: TimePoint, objects: list[bytes], **headers: str) -> Submission:
    path = f"/dicomweb/studies?{named(time_point)}&complete=1"
    answer = sender_of(cast).post(body(objects), path=path, **headers)
    assert answer.status_code == 202, answer.content
    return drive(StowDelivery.objects.latest("pk").submission)


WAYS: dict[str, Way] = {"browser": by_browser, "gateway": by_gateway, "scanner": by_scanner, "stow": by_stow}
