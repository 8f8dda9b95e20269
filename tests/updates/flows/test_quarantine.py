"""Surgical roll-back: models are, to the bit, as if quarantined samples had never been there."""

import pytest

from tests.updates.flows.local import GBDT_LR, WIDE_DEEP
from tests.updates.flows.online import bytes_of, hurry
from tests.updates.flows.worlds import World
from updates.flows.execute import execute
from updates.flows.online import position
from updates.flows.promote import promote
from updates.flows.prove import prove, request_proof
from updates.flows.quarantine import (
    QuarantineError,
    lift,
    preview,
    quarantine,
    rebuild_again,
)
from updates.flows.select_samples import Selection
from updates.flows.trigger import WriterBusy, trigger
from updates.models import Quarantine, UpdateRun
from updates.models.version import IllegalVersionMove
from updates.samples.log import SampleLog

BAD = [[421, 450]]
HISTORY = (400, "full", 100, "incremental", 60, "incremental")
HISTORIES = {
    "full": (400, "full", 100, "full"),
    "incremental": HISTORY,
    "online": (400, "full", 60, "online", 60, "online"),
    "trees": (400, "full", 100, "full"),
    "gbdt_lr": (400, "full", 60, "local:lr", 60, "local:trees", 40, "local:lr"),
    "wide_deep": (400, "full", 60, "local:embeddings", 60, "local:upper", 40, "online"),
    "factors": (400, "full", 100, "incremental", 60, "online"),
}
LEARNERS = {
    "trees": {"learner": "gbdt", "learner_options": {"num_trees": 5, "num_threads": 1}},
    "gbdt_lr": GBDT_LR,
    "wide_deep": WIDE_DEEP,
    "factors": {"learner": "factors", "learner_options": {}},
}


@pytest.fixture(autouse=True)
def hurried(transactional_db, valkey, monkeypatch):
    hurry(monkeypatch)


@pytest.fixture
def world(make_recommender, make_batch):
    """``world(unseen=(), **about)``: a recommender without samples."""

    def make(unseen=(), **about):
        return World(make_recommender, make_batch, unseen, **about)

    return make


def offsets(ranges):
    return Selection(first_offset=ranges[0][0], last_offset=ranges[-1][1])


def test_what_is_quarantined_is_read_by_nobody_who_learns(world):
    log = SampleLog(world(BAD).do(460).recommender)
    read = [row for batch in log.read(1, 461) for row in batch.column("offset").to_pylist()]
    assert read == [*range(1, 421), *range(451, 461)]
    everything = log.leaving_out([]).read(1, 461)
    assert sum(batch.num_rows for batch in everything) == 460


@pytest.mark.parametrize("kind", HISTORIES)
def test_the_live_version_is_made_again_as_if_it_had_never_seen_them(world, kind):
    about, history = LEARNERS.get(kind, {}), HISTORIES[kind]
    seen, never = world(**about).do(*history), world(BAD, **about).do(*history)
    before = seen.live()
    assert before.digest != never.live().digest
    made = quarantine(seen.recommender, offsets(BAD), reason="a broken logger")
    assert seen.rebuilt().digest == never.live().digest
    assert made.state == "done"
    before.refresh_from_db()
    assert before.state == "quarantined"


@pytest.mark.parametrize("kind", HISTORIES)
@pytest.mark.parametrize("kept", [True, False])
def test_undone_it_is_as_if_they_had_always_been_there(world, kind, kept):
    one = world(**LEARNERS.get(kind, {})).do(*HISTORIES[kind])
    before = one.live()
    made = quarantine(one.recommender, offsets(BAD), reason="a broken logger")
    one.rebuilt()
    if not kept:
        one.forget_files()
    lift(made, reason="it was right after all")
    assert one.rebuilt().digest == before.digest
    if kept:
        assert one.live() == before


def test_what_online_learning_knew_beyond_the_live_version_is_learned_again_without(world):
    seen = world().do(400, "full", 100, "session")
    never = world(BAD).do(400, "full", 100, "online")
    left = position.epoch_of(seen.recommender)
    quarantine(seen.recommender, offsets(BAD), reason="a broken logger")
    # What was sent to serving is not served any more, and no session goes on from it.
    assert position.epoch_of(seen.recommender) != left
    assert seen.rebuilt().digest == never.live().digest


def test_online_learning_without_any_version_is_done_again_too(world):
    seen, never = world().do(500, "session"), world(BAD).do(500, "online")
    quarantine(seen.recommender, offsets(BAD), reason="a broken logger")
    assert seen.rebuilt().digest == never.live().digest
    following = seen.do(50, "online").live()
    assert following.digest == never.do(50, "online").live().digest


def test_samples_that_arrive_meanwhile_are_learned_before_it_is_promoted(world):
    seen = world().do(*HISTORY)
    quarantine(seen.recommender, offsets(BAD), reason="a broken logger")
    seen.append(70)
    live = seen.rebuilt()
    assert live.next_offset == 631
    never = world(BAD).do(*HISTORY)
    assert live.parent.digest == never.live().digest


def test_the_newest_version_that_knows_none_of_them_is_live_at_once(world):
    one = world().do(*HISTORY)
    first = one.recommender.versions.get(number=1)
    quarantine(one.recommender, offsets(BAD), reason="a broken logger")
    assert one.live() == first
    states = one.recommender.versions.order_by("number").values_list("state", flat=True)
    assert list(states) == ["live", "quarantined", "quarantined"]
    deployment = one.recommender.deployments.first()
    assert (deployment.kind, "a broken logger" in deployment.reason) == ("rewind", True)


def test_what_a_rebuild_has_made_is_live_rather_than_what_has_learned_less(world):
    one = world().do(400, "full", 40, "incremental", 60, "incremental", 60, "incremental")
    first = quarantine(one.recommender, offsets([[410, 420]]), reason="a broken logger")
    one.rebuilt()
    quarantine(one.recommender, offsets([[510, 520]]), reason="another one")
    assert (one.live().next_offset, one.live().parent.number) == (501, 5)
    assert first.recommender.deployments.first().kind == "rewind"


def test_where_every_version_knows_them_the_live_one_is_served_until_it_is_made_again(world):
    one = world().do(500, "full")
    before = one.live()
    quarantine(one.recommender, offsets(BAD), reason="a broken logger")
    assert one.live() == before
    one.rebuilt()
    before.refresh_from_db()
    assert before.state == "quarantined"


def test_a_quarantined_version_cannot_be_made_live_by_hand(world):
    one = world().do(*HISTORY)
    bad = one.live()
    quarantine(one.recommender, offsets(BAD), reason="a broken logger")
    with pytest.raises(IllegalVersionMove):
        promote(bad, reason="I like it")


def test_nothing_builds_on_a_live_version_that_knows_them(world):
    one = world().do(500, "full")
    quarantine(one.recommender, offsets(BAD), reason="a broken logger")
    UpdateRun.objects.get(strategy="rebuild").move("cancelled", why="the test is about automation")
    one.append(50)
    run = one.update("incremental")
    assert (run.state, "quarantined" in run.error) == ("rejected", True)
    run = one.follow(version=True)
    assert (run.state, "quarantined" in run.error) == ("failed", True)
    assert one.update("full").state == "promoted"
    assert not one.live().has_learned(BAD)


def test_updates_under_way_are_cancelled_and_none_begins_until_it_is_done(world):
    one = world().do(*HISTORY, 50)
    waiting = trigger(one.recommender, strategy="incremental")
    quarantine(one.recommender, offsets(BAD), reason="a broken logger")
    waiting.refresh_from_db()
    assert waiting.state == "cancelled"
    with pytest.raises(WriterBusy):
        trigger(one.recommender, strategy="incremental")


def test_a_second_quarantine_before_the_first_is_done_leaves_both_out(world):
    one, never = world().do(*HISTORY), world([*BAD, [520, 530]]).do(*HISTORY)
    first = quarantine(one.recommender, offsets(BAD), reason="a broken logger")
    second = quarantine(one.recommender, offsets([[520, 530]]), reason="another one")
    assert one.rebuilt().digest == never.live().digest
    assert (first.state, second.state) == ("done", "done")
    lift(first, reason="it was right after all")
    assert one.rebuilt().digest == world([[520, 530]]).do(*HISTORY).live().digest


def test_samples_that_no_model_has_learned_cost_nothing(world):
    one = world().do(*HISTORY, 100)
    before = one.live()
    made = quarantine(one.recommender, offsets([[600, 620]]), reason="caught in time")
    assert (made.state, one.live(), made.runs.exists()) == ("done", before, False)
    one.do("incremental")
    assert not one.live().has_learned([[600, 620]])


def test_a_version_made_without_them_is_proved_equal(world):
    one = world().do(*HISTORY)
    made = quarantine(one.recommender, offsets(BAD), reason="a broken logger")
    version = one.rebuilt()
    lift(made, reason="it was right after all")
    proof = request_proof(version)
    prove(proof.pk)
    proof.refresh_from_db()
    assert proof.state == "equal", proof.outcome


def test_the_cost_is_shown_before(world):
    one = world().do(*HISTORY)
    outlook = preview(one.recommender, offsets(BAD))
    assert (outlook.samples, outlook.affected, outlook.obstacle) == (30, [2, 3], "")
    assert (outlook.base.number, outlook.serves.number) == (1, 1)
    assert outlook.cpu_seconds > 0
    assert outlook.age_seconds > 0
    assert not Quarantine.objects.exists()
    made = quarantine(one.recommender, offsets(BAD), reason="a broken logger")
    one.rebuilt()
    assert made.runs.get().samples == outlook.samples_to_replay


def test_where_its_making_is_not_known_it_is_said_before_and_the_rebuild_fails(world):
    one = world().do(500, "full", 50, "incremental")
    _forget_manifest(one.recommender.versions.get(number=1))
    assert "is gone" in preview(one.recommender, offsets(BAD)).obstacle
    made = quarantine(one.recommender, offsets(BAD), reason="a broken logger")
    execute(made.runs.get().pk, "test")
    assert made.state == "failed"
    assert "is gone" in made.runs.get().error
    rebuild_again(made)
    assert made.state == "marked"


def _forget_manifest(version):
    from updates.store import artifacts

    artifacts().delete(version.digest)


@pytest.mark.parametrize("reason", ["", "  "])
def test_it_takes_a_reason(world, reason):
    one = world().do(10)
    with pytest.raises(QuarantineError, match="Say why"):
        quarantine(one.recommender, Selection(first_offset=1), reason=reason)


def test_an_empty_selection_is_refused(world):
    one = world().do(10)
    with pytest.raises(QuarantineError, match="no such samples"):
        quarantine(one.recommender, Selection(first_offset=11), reason="nothing there")


def test_a_log_without_them_at_all_gives_the_same_weights(world, make_batch):
    """Where offsets differ manifests do; what was learned does not."""
    from tests.updates.flows.conftest import learnable_rows
    from updates.flows.append_samples import append_samples

    seen, without = world().do(500, "full"), world()
    rows = learnable_rows(500)
    append_samples(without.recommender, make_batch(rows[:420] + rows[450:]), batch_id="clean")
    without.do("full")
    quarantine(seen.recommender, offsets(BAD), reason="a broken logger")
    assert bytes_of(seen.rebuilt().digest) == bytes_of(without.live().digest)
