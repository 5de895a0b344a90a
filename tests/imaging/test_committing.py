"""What is promised to a sender: success for bytes that were read back, and a reason for everything else."""

import pytest
from django.conf import settings

from audit.context import acting
from deid import Option
from deid.choices import Choices
from imaging import archive, quarantine
from imaging.dicom_node import promises
from imaging.dicom_node.reception import SUCCESS
from imaging.models import IncomingFile, Instance, Submission
from imaging.services import committing, desk, doors, sending
from imaging.services.committing import Memory, Named, Reason
from tests.cast import Cast, actor_for
from tests.imaging.reception import opened, store
from tests.imaging.scans import baseline_of, ct_slice, drive, send, to_bytes
from tests.imaging.test_certificates import sign_profile
from trials.models import TrialSite

pytestmark = pytest.mark.django_db
CT = "1.2.840.10008.5.1.4.1.1.2"
SEED = "promise"


def sent(count: int = 3) -> Submission:
    """Objects that the site's sender stored; its line stands yet."""
    reception = opened("ALBA_PACS")
    for number in range(count):
        assert store(reception, to_bytes(ct_slice(number, seed=SEED))) == SUCCESS
    return Submission.objects.get()


def named(*numbers: int, sop_class: str = CT) -> list[Named]:
    return [Named(sop_class=sop_class, instance=str(ct_slice(n, seed=SEED).SOPInstanceUID)) for n in numbers]


def judged(site: TrialSite, *numbers: int, memory: Memory | None = None) -> list[Reason | None]:
    with acting(doors.node(ae_title="ALBA_PACS", request_id="asked")):
        answers = committing.judge(trial_site=site, named=named(*numbers), memory=memory or Memory())
    return [answers[one] for one in named(*numbers)]


@pytest.mark.req("R-COMMIT-01", "R-COMMIT-02")
def test_what_waits_in_the_quarantine_is_kept_until_somebody_discards_it(cast: Cast) -> None:
    delivery = sent()
    assert judged(cast.site_a, 0, 1, 2, 3) == [None, None, None, Reason.NO_SUCH_OBJECT]
    # Nothing is promised to another site.
    assert judged(cast.site_b, 0) == [Reason.NO_SUCH_OBJECT]
    wrong = Named(sop_class="1.2.3", instance=named(0)[0].instance)
    assert committing.judge(trial_site=cast.site_a, named=[wrong], memory=Memory()) == {wrong: Reason.CLASS_CONFLICT}
    desk.discard(by=actor_for(cast.coordinator), submission=delivery, reason="sent by mistake")
    assert judged(cast.site_a, 0, 1) == [Reason.NO_SUCH_OBJECT] * 2


@pytest.mark.req("R-COMMIT-02")
def test_bytes_that_were_damaged_since_are_not_promised(cast: Cast) -> None:
    delivery, memory = sent(), Memory()
    assert judged(cast.site_a, 0, 1, memory=memory) == [None, None]
    _first, part, _third = sorted(
        each for each in (settings.QUARANTINE_ROOT / str(delivery.pk)).rglob("*") if each.is_file()
    )
    part.write_bytes(part.read_bytes()[:-1] + b"\0")
    assert judged(cast.site_a, 0, 1, memory=memory) == [None, Reason.PROCESSING_FAILURE]


@pytest.mark.req("R-COMMIT-02")
def test_each_file_is_opened_once_to_learn_what_it_holds_and_no_more_than_the_bound(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent()
    memory, read = Memory(), quarantine.read_whole
    opened: list[int] = []

    def look(file: IncomingFile) -> bytes:
        opened.append(file.number)
        return read(file)

    monkeypatch.setattr(quarantine, "read_whole", look)
    assert judged(cast.site_a, 7, memory=memory) == [Reason.NO_SUCH_OBJECT]
    assert sorted(opened) == [0, 1, 2]
    assert judged(cast.site_a, 8, 1, memory=memory) == [Reason.NO_SUCH_OBJECT, None]
    assert opened[3:] == [1], "what is promised is read again, and nothing else"
    monkeypatch.setattr(committing, "MOST_OPENED", 1)
    assert judged(cast.site_a, 0) == [Reason.RESOURCE_LIMITATION]


@pytest.mark.req("R-COMMIT-03")
def test_what_is_filed_is_read_back_from_the_archive_under_its_first_name(cast: Cast) -> None:
    files = [to_bytes(ct_slice(number, seed=SEED)) for number in range(3)]
    drive(send(cast.alba, baseline_of(cast), files))
    assert Instance.objects.count() == 3
    assert not {one.instance for one in named(0, 1, 2)} & set(Instance.objects.values_list("uid", flat=True))
    assert judged(cast.site_a, 0, 1, 2) == [None] * 3
    assert judged(cast.site_b, 0) == [Reason.NO_SUCH_OBJECT]
    first, second, _third = Instance.objects.order_by("number")
    archive.remove(first.sha256)
    path = archive.path_of(second.sha256)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b"\0")
    assert judged(cast.site_a, 0, 1, 2) == [Reason.NO_SUCH_OBJECT, Reason.PROCESSING_FAILURE, None]


@pytest.mark.req("R-COMMIT-03")
def test_where_a_trial_keeps_uids_what_is_filed_is_found_under_its_own(cast: Cast) -> None:
    sign_profile(cast, Choices(options=frozenset({Option.RETAIN_UIDS})))
    drive(send(cast.alba, baseline_of(cast), [to_bytes(ct_slice(0, seed=SEED))]))
    assert Instance.objects.get().uid == named(0)[0].instance
    assert judged(cast.site_a, 0, 1) == [None, Reason.NO_SUCH_OBJECT]


@pytest.mark.req("R-COMMIT-02")
def test_a_refused_file_is_kept_and_so_is_one_that_is_no_dicom_passed_over(cast: Cast) -> None:
    delivery = sending.send_whole(
        by=actor_for(cast.alba), time_point=baseline_of(cast), files=[b"no image", to_bytes(ct_slice(0, seed=SEED))]
    )
    IncomingFile.objects.filter(submission=delivery, number=1).update(state=IncomingFile.State.REFUSED)
    assert judged(cast.site_a, 0, 1) == [None, Reason.NO_SUCH_OBJECT]


@pytest.mark.req("R-COMMIT-07")
def test_a_promise_lies_sealed_until_it_is_kept_and_is_taken_up_only_from_a_node_that_is_gone() -> None:
    asked = [Named(sop_class=CT, instance="1.2.3.99871345")]
    made = promises.keep(ae_title="ALBA_PACS", transaction="1.2.3.4", named=asked)
    (path,) = promises.places()
    assert not [word for word in (b"99871345", b"ALBA_PACS", b"1.2.3.4") if word in path.read_bytes()]
    assert not list(promises.left(promises.places())), "its node lives"
    # As the kernel does when the node is killed.
    made.claim.end()
    (found,) = promises.left(promises.places())
    assert (found.ae_title, found.transaction, found.named) == ("ALBA_PACS", "1.2.3.4", tuple(asked))
    found.claim.end()
    sealed = path.read_bytes()
    path.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    assert not list(promises.left(promises.places())), "nobody is told what was changed"
    found.end()
    assert not promises.places()
