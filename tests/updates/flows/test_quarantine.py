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
