"""The corpus in short, through doors and fence without a line: `-m benchmarks.cases` sends it to the running product."""

from collections import Counter

import pytest

from audit.models import AuditEvent
from audit.selectors import history
from deid import Policy, Rejected
from imaging import fence, progress
from imaging.models import StowDelivery, Submission
from tests.cases import bad, good
from tests.cases.archives import archives
from tests.cases.bad import NEVER
from tests.cases.good import FILED, JUDGED
from tests.cases.likeness import differences
from tests.cast import Cast
from tests.imaging.scans import baseline_of, drive, send
from tests.imaging.stowing import sender_of
from tests.imaging.test_fence import KEY, TRIAL

RULES = fence.Rules(key=KEY, trial=TRIAL, policy=Policy())


def cleaned(data: bytes) -> bytes | Rejected:
    try:
        return fence.clean(data, RULES).data
    except Rejected as rejected:
        return rejected


@pytest.mark.req("R-ARC-21")
@pytest.mark.filterwarnings("ignore::UserWarning")  # of pydicom, about what is planted
def test_every_good_object_comes_out_equal_or_waits_for_a_person() -> None:
    wrong: dict[str, object] = {}
    for one in good.objects():
        made = cleaned(one.data)
        if isinstance(made, bytes):
            found: object = differences(one.data, made) if one.outcome == FILED else "let through"
        else:
            is_right = one.outcome != FILED and (one.outcome != JUDGED or made.code == "pixels-need-review")
            found = "" if is_right else made.reason
        if found:
            wrong[one.name] = found
    assert wrong == {}


@pytest.mark.req("R-ARC-21")
def test_the_corpus_holds_what_it_is_said_to_hold() -> None:
    goods, bads = list(good.objects()), list(bad.objects())
    assert len(goods) >= 144
    assert len(bads) + len(list(archives())) >= 254
    assert len({one.name for one in goods}) == len(goods)
    assert min(Counter(one.kind for one in bads).values()) >= 5
    assert len(good.IMAGES) + len(good.PICTURES) >= 20
    assert len(good.NAMES) >= 12


@pytest.mark.req("R-ARC-21")
@pytest.mark.filterwarnings("ignore::UserWarning")  # as above
def test_no_bad_object_kills_the_fence_or_is_cleaned_where_it_must_not_be() -> None:
    wrong = []
    for one in bad.objects():
        made = cleaned(one.data)
        is_fallen = isinstance(made, Rejected) and made.code == "fenced"
        if (
            is_fallen
            or (one.must == NEVER and isinstance(made, bytes))
            or (isinstance(made, Rejected) and not made.reason)
        ):
            wrong.append((one.kind, one.name, "fenced" if is_fallen else "cleaned"))
    assert wrong == []


@pytest.mark.req("R-WEB-14")
@pytest.mark.django_db
def test_what_a_machine_is_refused_at_the_door_is_told_in_words_and_in_the_trail(cast: Cast) -> None:
    sender = sender_of(cast)
    torn = [one.data for one in bad.objects() if one.kind == "torn" and one.must == NEVER][:5]
    answer = sender.send([good.written(good.image("CT")), *torn, b"no image"])
    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 1
    assert "damaged" in answer["Warning"]
    (event,) = AuditEvent.objects.filter(act="objects.refused")
    assert (event.after, event.trial_code) == ('{"objects":6,"source":"dicomweb"}', cast.trial.code)
    assert "damaged" in event.reason
    assert StowDelivery.objects.get().submission.files.count() == 1


@pytest.mark.req("R-WEB-14")
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("headers", "data", "status"),
    [({"content-encoding": "gzip"}, b"\x1f\x8b\x08", 415), ({}, b"no parts at all", 400)],
)
def test_a_request_that_is_refused_whole_leaves_an_event(
    cast: Cast, headers: dict[str, str], data: bytes, status: int
) -> None:
    answer = sender_of(cast).post(data, **headers, **{"accept-language": "es"})
    assert answer.status_code == status
    (event,) = history(cast.site_a).filter(act="objects.refused")
    assert event.reason == answer.json()["detail"]
    assert event.reason.isascii()


@pytest.mark.req("R-ARC-21")
@pytest.mark.django_db
@pytest.mark.filterwarnings("ignore::UserWarning")  # as above
def test_of_bad_archives_and_objects_each_is_refused_with_a_sentence_on_the_road(cast: Cast) -> None:
    given = [one for one in archives() if "MiB of zeros" not in one.name and "70,000" not in one.name]
    given += list(bad.objects())[::12]
    for one in given:
        done = drive(send(cast.alba, baseline_of(cast), [one.data]))
        told = progress.describe(done)
        assert told["ended"], one.name
        assert not (one.must == NEVER and told["counts"].get("filed")), one.name
        if done.state == Submission.State.QUARANTINED:
            assert len(done.refusal.split()) > 5, one.name
            assert history(done).filter(act="delivery.quarantined").exists(), one.name
        for refusal in told["refusals"]:
            assert len(refusal["sentence"].split()) > 5, one.name
