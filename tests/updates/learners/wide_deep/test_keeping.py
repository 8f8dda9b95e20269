"""Which ids have a vector: admission and expiry, against dictionaries, and to the bit."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.checks import check_learner
from updates.learners.sparse.admission import Admission, chance
from updates.learners.sparse.expiry import HOUR_MS, HOURS, Expiry
from updates.learners.sparse.keeping import Keeping
from updates.learners.wide_deep import files
from updates.learners.wide_deep.embeddings import FIRST_SQUARE, Embeddings
from updates.learners.wide_deep.learner import WideDeep
from updates.learners.wide_deep.rows import DeepRows
from updates.samples.schema import SampleSchema

DAY_MS = HOURS * HOUR_MS
F, DIM = 2, 3
SMALL = {"mini_batch": 8, "embedding_dim": 3, "hidden": "5,4"}
OPTIONS = [
    {"admit_after": 1},
    {"admit_probability": 0.3},
    {"expire_after": 2},
    {"admit_after": 1, "admit_probability": 0.7, "expire_after": 1},
]
IDS = ["-".join(f"{name}={value}" for name, value in options.items()) for options in OPTIONS]
cuts = st.lists(st.integers(1, 299), unique=True, max_size=4).map(sorted)
# Of each row the keys of one field and of another; those of field 0 are below 100.
rows = st.lists(
    st.tuples(
        st.lists(st.integers(1, 20), max_size=3, unique=True),
        st.lists(st.integers(101, 120), max_size=3, unique=True),
    ),
    min_size=1,
    max_size=40,
)


def days(samples, hours_a_row=1.0):
    """The samples with event times so far apart."""
    times = (np.arange(samples.num_rows) * hours_a_row * HOUR_MS + 20_000 * DAY_MS).astype(np.int64)
    place = samples.schema.get_field_index("event_time")
    columns = samples.columns
    columns[place] = pa.array(times).cast(columns[place].type)
    return pa.RecordBatch.from_arrays(columns, schema=samples.schema)


SAMPLES = days(stream(300))


def deep_rows(rows, hours=None):
    lists = [keys for row in rows for keys in row]
    return DeepRows(
        F,
        np.cumsum([0, *map(len, lists)]),
        np.array([key for keys in lists for key in keys], np.uint64),
        np.zeros((len(rows), 0), np.float32),
        np.full(len(rows), 500_000 if hours is None else hours) * HOUR_MS,
    )


def gradients(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, F * DIM)).astype(np.float32)


def keys_of(embeddings):
    return embeddings.vectors.to_arrays()["keys"].tolist()


def mean_of(embeddings, field):
    """What the field's default must be: the mean of its vectors and its origin."""
    arrays = embeddings.vectors.to_arrays()
    mine = (arrays["keys"] > 100) == bool(field)
    origin = Embeddings(F, DIM, seed=5, rate=0.1).vectors.defaults[field]
    return np.mean([origin, *arrays["vectors"][mine]], axis=0)


@given(rows, st.integers(1, 9), st.integers(0, 3), st.sampled_from([1.0, 0.5]))
def test_an_id_is_admitted_after_so_many_rows_and_by_chance(rows, size, after, probability):
    embeddings = Embeddings(F, DIM, 5, 0.1, Keeping(Admission(after, probability)))
    met, admitted = Counter(), []
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        embeddings.learn(deep_rows(part), gradients(len(part)))
        for i, row in enumerate(part, start):
            for key in row[0] + row[1]:
                met[key] += key not in admitted
                lucky = probability == 1.0 or chance(np.uint64(key), i) < probability
                if key not in admitted and met[key] > after and lucky:
                    admitted.append(key)
    assert keys_of(embeddings) == admitted
    assert embeddings.seen == pytest.approx(len(met), abs=2)
    for field in range(F):
        np.testing.assert_allclose(
            embeddings.vectors.defaults[field], mean_of(embeddings, field), atol=1e-6
        )


def test_an_id_that_is_not_admitted_reads_its_field_s_mean_and_moves_nothing():
    embeddings = Embeddings(F, DIM, 5, 0.1, Keeping(Admission(1, 1.0)))
    row = deep_rows([([1], [101])])
    before = embeddings.vectors.defaults.copy()
    embeddings.learn(row, gradients(1))
    assert embeddings.vectors.size == 0
    np.testing.assert_array_equal(embeddings.vectors.defaults, before)
    inputs = embeddings.vectors.inputs(row, embeddings.vectors.find(row.keys))
    np.testing.assert_array_equal(inputs[0], before.ravel())


@given(rows, st.integers(1, 5), st.lists(st.integers(0, 30), min_size=40, max_size=40))
def test_ids_unused_for_days_go_at_the_hour_of_their_part(rows, size, gaps):
    hours = 500_000 + np.cumsum(gaps[: len(rows)])
    embeddings = Embeddings(F, DIM, 5, 0.1, Keeping(expiry=Expiry(1)))
    last, now = {}, None
    for start in range(0, len(rows), size):
        part, hour = rows[start : start + size], int(hours[start : start + size][-1])
        embeddings.learn(deep_rows(part, hours[start : start + size]), gradients(len(part)))
        last |= dict.fromkeys((key for row in part for key in row[0] + row[1]), hour)
        if now is not None:
            parts = {tick % HOURS for tick in range(max(now + 1, hour - HOURS + 1), hour + 1)}
            old = [key for key, used in last.items() if used < hour - HOURS]
            last = {k: used for k, used in last.items() if k not in old or part_of(k) not in parts}
        now = hour
    assert keys_of(embeddings) == list(last)
    assert embeddings.to_arrays()["hours"].tolist() == list(last.values())
    assert embeddings.seen == len(last) + embeddings.keeping.expiry.removed
    for field in range(F):
        np.testing.assert_allclose(
            embeddings.vectors.defaults[field], mean_of(embeddings, field), atol=1e-5
        )


def part_of(key):
    return (key * 0x9E3779B97F4A7C15 % 2**64) * HOURS >> 64


def test_an_expired_id_that_comes_again_begins_at_the_mean_with_new_sums():
    embeddings = Embeddings(F, DIM, 5, 0.1, Keeping(expiry=Expiry(1)))
    both, one = deep_rows([([1, 2], [101])], [500_000]), ([1], [101])
    embeddings.learn(both, gradients(1))
    for hour in range(500_001, 500_060):
        embeddings.learn(deep_rows([one], [hour]), gradients(1, hour))
    assert keys_of(embeddings) == [1, 101]
    begin = embeddings.vectors.defaults[0].copy()
    gradient = gradients(1, 7)
    embeddings.learn(deep_rows([([2], [])], [500_060]), gradient)
    moved = embeddings.vectors.values[embeddings.vectors.find(np.array([2], np.uint64))[0]]
    step = 0.1 * gradient[0, :DIM] / np.sqrt(FIRST_SQUARE + gradient[0, :DIM] ** 2)
    np.testing.assert_allclose(moved, begin - step, atol=1e-6)


def test_memory_of_expired_ids_is_used_again():
    embeddings = Embeddings(F, DIM, 5, 0.1, Keeping(expiry=Expiry(1)))
    for day in range(12):
        for hour in range(24):
            first = 1_000_000 * (day + 1) + 100 * hour
            part = [([], list(range(first, first + 100)))]
            embeddings.learn(deep_rows(part, [500_000 + 24 * day + hour]), gradients(1))
    assert embeddings.vectors.size < 3 * 2400
    assert len(embeddings.vectors.values) <= 8192


@pytest.mark.parametrize("options", OPTIONS, ids=IDS)
def test_it_keeps_a_learner_s_promises(options):
    batches = [SAMPLES.slice(0, 120), SAMPLES.slice(120, 60), SAMPLES.slice(180)]
    check_learner(WideDeep, SCHEMA, batches, {**SMALL, **options})


@pytest.mark.parametrize("options", OPTIONS, ids=IDS)
@settings(max_examples=10, deadline=None)
@given(cuts=cuts, trained=st.sampled_from(["wide", "embeddings", "upper", "all"]))
def test_deltas_carry_removals_and_batches_are_cut_anywhere(
    tmp_path_factory, options, cuts, trained
):
    learner, undisturbed = (WideDeep(SCHEMA, {**SMALL, **options}) for _ in range(2))
    components = learner.components if trained == "all" else [trained]
    folder = tmp_path_factory.mktemp("saved")
    for one in (learner, undisturbed):
        one.learn(SAMPLES.slice(0, 100))
        one.train(components)
    learner.save(folder)
    follower = WideDeep(SCHEMA, {**SMALL, **options})
    follower.load_serving(folder)
    learner.track()
    later = days(stream(300, seed=1))
    for start, stop in zip([0, *cuts], [*cuts, 300], strict=True):
        learner.learn(later.slice(start, stop - start))
        learner.snapshot().sparsity()
        follower.apply(learner.delta())
        assert (follower.predict(SAMPLES) == learner.predict(SAMPLES)).all()
        assert follower.space_id == learner.space_id
        assert follower.vectors.size == learner.vectors.size
    undisturbed.learn(later)
    assert saved(learner, tmp_path_factory) == saved(undisturbed, tmp_path_factory)


@pytest.mark.parametrize("options", OPTIONS, ids=IDS)
@settings(max_examples=5, deadline=None)
@given(cuts=cuts)
def test_saved_and_loaded_anywhere_it_goes_on_alike(tmp_path_factory, options, cuts):
    learner, undisturbed = (WideDeep(SCHEMA, {**SMALL, **options}) for _ in range(2))
    for start, stop in zip([0, *cuts], [*cuts, 300], strict=True):
        folder = tmp_path_factory.mktemp("saved")
        learner.save(folder)
        learner = WideDeep(SCHEMA, {**SMALL, **options})
        learner.load(folder)
        learner.learn(SAMPLES.slice(start, stop - start))
    undisturbed.learn(SAMPLES)
    assert saved(learner, tmp_path_factory) == saved(undisturbed, tmp_path_factory)


def test_time_stands_still_for_embeddings_that_do_not_learn():
    learner = WideDeep(SCHEMA, {**SMALL, "expire_after": 1})
    learner.learn(SAMPLES.slice(0, 100))
    space = learner.space_id
    learner.train(["wide", "upper"])
    learner.learn(SAMPLES.slice(100))
    assert learner.space_id == space


def test_sparsity_counts_ids_met_and_ids_with_a_vector(tmp_path):
    learner = WideDeep(SCHEMA, {**SMALL, "admit_after": 3})
    learner.train(["embeddings"])
    learner.learn(SAMPLES)
    learner.save(tmp_path)
    met = learner.embeddings.seen
    rows = SAMPLES.slice(0, 296)  # the rest waits
    columns = [rows.column(name).to_pylist() for name in ("user", "item")]
    tags = {tag for tags in rows.column("tags").to_pylist() for tag in tags}
    assert met == pytest.approx(sum(len(set(column)) for column in columns) + len(tags), abs=2)
    admitted = len(load_file(tmp_path / files.EMBEDDINGS)["keys"])
    assert learner.sparsity().seen == met
    assert learner.sparsity().admitted == learner.sparsity().non_zero == admitted < met


def test_switched_on_later_all_ids_count_from_then(tmp_path):
    before = WideDeep(SCHEMA, SMALL)
    before.learn(SAMPLES.slice(0, 96))
    before.save(tmp_path)
    learner = WideDeep(SCHEMA, {**SMALL, "expire_after": 3, "admit_after": 1})
    learner.load(tmp_path)
    learner.learn(SAMPLES.slice(96, 8))
    assert learner.vectors.size >= before.vectors.size
    assert len(set(learner.vectors.table.hours().tolist())) == 1


def test_a_schema_of_numbers_alone_has_nothing_to_keep():
    schema = SampleSchema(numeric=("price",))
    learner = WideDeep(schema, {**SMALL, **OPTIONS[-1]})
    learner.learn(SAMPLES)
    assert learner.vectors.size == 0 and learner.is_finite()


def saved(learner, tmp_path_factory):
    folder = tmp_path_factory.mktemp("state")
    learner.save(folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}
