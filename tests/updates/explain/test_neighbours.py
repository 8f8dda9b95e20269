"""Which values lie near which others, in two versions."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from updates.explain import neighbours_by_chance
from updates.explain.frame import Frame
from updates.explain.neighbours import PLACES, Change, neighbours
from updates.explain.sentences import _near
from updates.learners import registry
from updates.samples.schema import LABEL, SampleSchema

SCHEMA = SampleSchema(user="user", item="item")
BEFORE, NEWS = 20_000, 5_000
LEARNED_WELL = {"epochs": 5, "optimiser": "sgd"}


def test_a_space_that_is_turned_has_the_same_neighbours():
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(300, 8))
    turned = vectors @ np.linalg.qr(rng.normal(size=(8, 8)))[0]

    change = Change.between(vectors, turned)

    assert change.kept == pytest.approx(1)
    assert change.moved == pytest.approx(0, abs=1e-9)


def test_neighbours_are_those_of_a_brute_force_search():
    rng = np.random.default_rng(2)
    then, now = rng.normal(size=(2, 80, 5))
    near = []
    for vectors in (then, now):
        cosines = [
            (float(vectors[3] @ other / np.linalg.norm(vectors[3]) / np.linalg.norm(other)), -place)
            for place, other in enumerate(vectors)
            if place != 3
        ]
        near.append([-place for _, place in sorted(cosines)[: -PLACES - 1 : -1]])

    change = Change.between(then, now)

    assert change.kept[3] == len(set(near[0]) & set(near[1])) / PLACES
    assert list(change.gained(3)) == [one for one in near[1] if one not in near[0]][:3]
    assert list(change.lost(3)) == [one for one in near[0] if one not in near[1]][:3]


def samples(rng, count, tastes):
    """Users like items whose taste is theirs."""
    users, items = rng.integers(0, 300, count), rng.integers(0, len(tastes), count)
    liked = rng.random(count) < np.where(users % 4 == tastes[items], 0.8, 0.1)
    return pa.table(
        {
            LABEL: liked.astype(np.float32),
            "event_time": pa.array(np.arange(count)),
            "weight": np.ones(count, np.float32),
            "user": [f"u{user}" for user in users],
            "item": [f"i{item}" for item in items],
        }
    ).cast(SCHEMA.arrow)


def versions(name="factors", *, turned=0, **options):
    """A frame, an older version, and a newer one that learned that some items are of other tastes:
    those from 0 on."""
    rng = np.random.default_rng(3)
    tastes = rng.integers(0, 4, 80)
    before = samples(rng, BEFORE, tastes)
    tastes[:turned] = (tastes[:turned] + 1) % 4
    table = pa.concat_tables([before, samples(rng, NEWS, tastes)]).combine_chunks()
    [batch] = table.to_batches()
    older, newer = (registry.get(name)(SCHEMA, options) for _ in range(2))
    for learner in (older, newer):
        learner.fit([batch.slice(0, BEFORE)])
    newer.learn(batch.slice(BEFORE))
    n = len(batch)
    frame = Frame(
        schema=SCHEMA,
        table=table,
        offsets=np.arange(n),
        first_news=BEFORE,
        first_since=n,
        labels=table.column(LABEL).to_numpy().astype(np.float64),
        weights=np.ones(n),
        against=older.predict(batch),
        version=newer.predict(batch),
    )
    return frame, older, newer


def told(frame, older, newer, *, learned_on=True):
    return neighbours(frame, frame, older, newer, lesser=1, learned_on=learned_on)


@pytest.mark.parametrize("name", ["factors", "wide_deep"])
def test_of_learners_with_vectors_the_items_are_told_and_users_are_not(name):
    [found] = told(*versions(name))
    assert found.feature == "item"
    assert (found.of, found.among) == (80, 80)
    assert found.kept < 1
    assert all(set(one.gained).isdisjoint(one.lost) for one in found.movers)
    assert all(one.frequency > 0 for one in found.movers)


def test_where_nothing_changed_about_as_many_are_kept_as_by_chance():
    [found] = told(*versions(**LEARNED_WELL))
    assert found.kept == pytest.approx(found.by_chance, abs=0.05)
    assert found.how == (
        "If nothing had changed: version 1 beside itself after the 5,000 samples of news, their "
        "labels drawn from what it predicts."
    )


def test_items_that_turned_to_other_tastes_lead_the_movers():
    [found] = told(*versions(turned=6, **LEARNED_WELL))
    turned = {f"i{item}" for item in range(6)}
    assert {one.value.value for one in found.movers[:6]} == turned
    assert found.kept < found.by_chance - 0.05


def test_what_is_measured_of_chance_does_not_touch_the_versions():
    frame, older, newer = versions()
    [batch] = frame.table.to_batches()
    before = older.predict(batch)
    told(frame, older, newer)
    assert np.array_equal(older.predict(batch), before)


def test_chance_is_not_measured_where_a_version_was_trained_anew():
    [found] = told(*versions(), learned_on=False)
    assert found.by_chance is None
    assert "trained anew" in found.how


def test_chance_is_not_measured_where_more_was_learned_than_is_looked_at():
    frame, older, newer = versions()
    [found] = told(replace(frame, first_since=BEFORE + 2 * NEWS), older, newer)
    assert found.by_chance is None


def test_fields_of_few_values_and_learners_without_vectors_are_left_out():
    frame, older, newer = versions()
    few = frame.part(slice(0, 20))
    assert neighbours(frame, few, older, newer, lesser=1, learned_on=True) == []
    linear = registry.get("sparse_linear")(SCHEMA, {})
    assert told(frame, linear, linear) == []


def test_the_sentence_names_who_is_near_whom_and_what_chance_would_do():
    [found] = told(*versions(turned=6, **LEARNED_WELL))
    mover = found.movers[0]
    said = _near(found)
    assert said.startswith(f"{mover.value.words} is now near {mover.gained[0]}, no longer near ")
    kept, chance = (round(100 * share) for share in (found.kept, found.by_chance))
    assert said.endswith(
        f"{kept} % of the 10 nearest neighbours of the 80 most frequent values of item are the "
        f"same; {chance} % would be if nothing had changed."
    )


def test_what_docs_say_of_chance_is_measured_at_a_tiny_size(monkeypatch, capsys):
    whole = versions()[0].table
    monkeypatch.setattr(neighbours_by_chance, "MovieLens100K", lambda schema: whole.to_batches())
    monkeypatch.setattr(neighbours_by_chance, "LEARNED", BEFORE)
    monkeypatch.setattr(neighbours_by_chance, "DRAWS", 1)
    monkeypatch.setattr(neighbours_by_chance, "CONTENDERS", {"one": ("factors", {})})

    neighbours_by_chance.main()

    anew, random, by_time = [
        [float(cell) for cell in line.split("|")[2:-1]]
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("| one")
    ]
    assert len(anew) == 2
    assert len(random) == len(by_time) == 4
    assert all(0 < share < 1 for share in (*anew, *random, *by_time))
