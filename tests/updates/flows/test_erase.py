"""A user's data deleted: no model knows of them, and nothing of theirs is in the log."""

import pytest
from django.utils import timezone

from tests.updates.flows.online import hurry
from tests.updates.flows.worlds import World
from updates.flows.erase import erase_due, erase_user
from updates.flows.explain import explain, explanation_of
from updates.flows.quarantine import lift
from updates.flows.select_samples import SelectionError
from updates.models import Explanation, Segment
from updates.models.quarantine import WrongState
from updates.samples.log import SampleLog
from updates.samples.schema import SampleSchema
from updates.store import artifacts


@pytest.fixture(autouse=True)
def hurried(transactional_db, valkey, monkeypatch):
    hurry(monkeypatch)


@pytest.fixture
def one(make_recommender, make_batch, settings):
    """Learned in three steps; some of its samples are archived, others in the stream."""
    settings.SEGMENT_ROWS = 300
    world = World(make_recommender, make_batch).do(300, "full", 100, "incremental")
    SampleLog(world.recommender).archive(timezone.now())
    return world.do(50, "session")


def rows(recommender):
    log = SampleLog(recommender)
    everything = log.leaving_out([]).read(1, log.head().last_offset + 1)
    return [row for batch in everything for row in batch.to_pylist()]


def test_nothing_of_the_user_is_left_in_the_log_and_everything_of_others_is(one):
    before = rows(one.recommender)
    made = erase_user(one.recommender, "u7", reason="they asked for it")
    one.rebuilt()
    erase_due()
    after = rows(one.recommender)
    assert [row["offset"] for row in after] == list(range(1, 451))
    for was, now in zip(before, after, strict=True):
        if was["user"] == "u7":
            times = {key: was[key] for key in ("offset", "event_time", "arrived_at")}
            nothing = dict.fromkeys(was) | {"label": 0.0, "weight": 0.0} | times
            assert now == nothing
        else:
            assert now == was
    made.refresh_from_db()
    assert made.erased_at is not None
    assert made.selection == {}
    folder = SampleLog(one.recommender).folder
    assert len(list(folder.iterdir())) == Segment.objects.count()


def test_no_files_are_left_of_models_that_knew_of_the_user(one):
    former = list(one.recommender.versions.all())
    erase_user(one.recommender, "u7", reason="they asked for it")
    live = one.rebuilt()
    erase_due()
    kept = [v.number for v in former if list(artifacts().folder(v.digest).glob("*.safetensors"))]
    assert kept == []
    assert artifacts().open(live.digest)


def test_explanations_that_may_name_the_user_are_gone(one):
    found = explanation_of(one.recommender.versions.get(number=2))
    explain(found.pk)
    erase_user(one.recommender, "u7", reason="they asked for it")
    one.rebuilt()
    erase_due()
    assert not Explanation.objects.exists()


def test_it_waits_until_no_model_knows_of_the_user(one):
    made = erase_user(one.recommender, "u7", reason="they asked for it")
    erase_due()
    made.refresh_from_db()
    assert made.erased_at is None
    assert "u7" in {row["user"] for row in rows(one.recommender)}


def test_it_cannot_be_undone(one):
    made = erase_user(one.recommender, "u7", reason="they asked for it")
    with pytest.raises(WrongState, match="erased"):
        lift(made, reason="sorry")


def test_learning_goes_on_over_what_is_erased(one, make_recommender, make_batch):
    made = erase_user(one.recommender, "u7", reason="they asked for it")
    one.rebuilt()
    erase_due()
    assert one.update("full").state == "promoted"
    never = World(make_recommender, make_batch, made.ranges).do(300, 100, 50, "full")
    assert one.live().digest == never.live().digest


def test_samples_without_users_have_none_to_erase(make_recommender):
    recommender = make_recommender("nobody", schema=SampleSchema(item="item"))
    with pytest.raises(SelectionError, match="have no user"):
        erase_user(recommender, "u7", reason="they asked for it")
