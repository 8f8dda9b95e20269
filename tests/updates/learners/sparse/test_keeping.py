"""Which keys a model has: admission and expiry, against dictionaries, and to the bit."""

import hashlib
import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from tests.updates.learners.sparse.rows import ftrl, rows_of
from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.checks import check_learner
from updates.learners.sparse.admission import Admission, chance
from updates.learners.sparse.expiry import HOUR_MS, HOURS, Expiry
from updates.learners.sparse.keeping import Keeping
from updates.learners.sparse.linear import SparseLinear
from updates.learners.sparse.slots import GOLDEN_RATIO

DAY_MS = HOURS * HOUR_MS
rows = st.lists(st.lists(st.integers(1, 60), max_size=8, unique=True), min_size=1, max_size=60)
cuts = st.lists(st.integers(1, 59), unique=True, max_size=5).map(sorted)
OPTIONS = [
    {"admit_after": 1},
    {"admit_probability": 0.3},
    {"admit_after": 2, "admit_probability": 0.7, "algorithm": "fobos"},
    {"expire_after": 2},
    {"admit_after": 1, "expire_after": 1, "algorithm": "rda"},
    {"expire_after": 1, "serving_precision": "float64", "algorithm": "sgd"},
]
IDS = ["-".join(f"{name}={value}" for name, value in options.items()) for options in OPTIONS]


def days(samples, hours_a_row=1.0):
    """The samples with event times so far apart."""
    times = (np.arange(samples.num_rows) * hours_a_row * HOUR_MS + 20_000 * DAY_MS).astype(np.int64)
    place = samples.schema.get_field_index("event_time")
    columns = samples.columns
    columns[place] = pa.array(times).cast(columns[place].type)
    return pa.RecordBatch.from_arrays(columns, schema=samples.schema)


SAMPLES = days(stream(300))


def keys_of(model):
    return model.to_arrays()["keys"].tolist()


def learn_in_parts(model, rows, cuts, times=None):
    """Learn rows of keys, labels alternating, cut into batches; all that learning returned."""
    labels = [i % 2 for i in range(len(rows))]
    predictions, inserted = [], []
    for start, stop in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        part = rows_of([dict.fromkeys(row, 1.0) for row in rows[start:stop]], labels[start:stop])
        before = sum(map(len, rows[:start]))
        found = model.learn(part, None if times is None else times[start:stop])
        predictions += found[0].tolist()
        inserted += (found[1] + before).tolist()
    return predictions, inserted


@given(rows, cuts, st.integers(0, 3), st.sampled_from([1.0, 0.5]))
def test_a_key_is_admitted_after_so_many_occurrences_and_by_chance(rows, cuts, after, probability):
    model = ftrl(fit_intercept=False, capacity=2, keeping=Keeping(Admission(after, probability)))
    _, inserted = learn_in_parts(model, rows, [cut for cut in cuts if cut < len(rows)])
    met, admitted, positions, at = Counter(), [], [], 0
    for i, row in enumerate(rows):
        for key in row:
            met[key] += key not in admitted
            lucky = probability == 1.0 or chance(np.uint64(key), i) < probability
            if key not in admitted and met[key] > after and lucky:
                admitted.append(key)
                positions.append(at)
            at += 1
    assert keys_of(model) == admitted and inserted == positions
    assert model.seen == pytest.approx(len(met), abs=2)


@given(rows)
def test_a_key_that_is_not_admitted_is_as_if_it_were_not_in_its_row(rows):
    chosen, plain = ftrl(keeping=Keeping(Admission(1, 1.0))), ftrl()
    predictions, _ = learn_in_parts(chosen, rows, [])
    met = Counter()
    left = []
    for row in rows:
        met.update(row)
        left.append([key for key in row if met[key] > 1])
    assert predictions == learn_in_parts(plain, left, [])[0]
    assert keys_of(chosen) == keys_of(plain)


@given(rows, cuts, st.lists(st.integers(0, 30), min_size=60, max_size=60), st.integers(1, 3))
def test_keys_unused_for_days_are_removed_at_the_hour_of_their_part(rows, cuts, gaps, after):
    hours = 500_000 + np.cumsum(gaps[: len(rows)])
    model = ftrl(fit_intercept=False, capacity=2, keeping=Keeping(expiry=Expiry(after)))
    cuts = [cut for cut in cuts if cut < len(rows)]
    learn_in_parts(model, rows, cuts, hours * HOUR_MS)
    last, now = {}, None
    for row, hour in zip(rows, hours.tolist(), strict=True):
        for key in row:
            last[key] = hour
        if now is not None:
            parts = {tick % HOURS for tick in range(max(now + 1, hour - HOURS + 1), hour + 1)}
            for key in [k for k, used in last.items() if used < hour - after * HOURS]:
                if (key * int(GOLDEN_RATIO) % 2**64) * HOURS >> 64 in parts:
                    del last[key]
        now = hour
    assert keys_of(model) == list(last)
    assert model.to_arrays()["hours"].tolist() == list(last.values())
    assert model.seen - len(last) == model.keeping.expiry.removed == len(model.removed())


def test_a_key_is_gone_a_day_after_its_days_at_the_latest():
    model = ftrl(keeping=Keeping(expiry=Expiry(2)))
    learn_in_parts(
        model, [list(range(1, 500))] + [[999]] * 73, [], np.arange(74) * HOUR_MS + DAY_MS
    )
    assert keys_of(model) == [999]


def test_memory_of_expired_keys_is_used_again():
    model, key, sizes = ftrl(keeping=Keeping(expiry=Expiry(1))), 1, []
    for day in range(12):
        fresh = [list(range(key + 100 * hour, key + 100 * hour + 100)) for hour in range(24)]
        learn_in_parts(model, fresh, [], (day * 24 + np.arange(24)) * HOUR_MS + DAY_MS)
        key += 2400
        sizes.append(model.table.nbytes)
    assert max(sizes[3:]) <= max(sizes[:3]) * 2 and model.table.size < 4 * 2400
    learn_in_parts(model, [[key]] * 80, [], (288 + np.arange(80)) * HOUR_MS + DAY_MS)
    model.table.settle()
    assert model.table.nbytes <= min(sizes[1:]) / 2


def test_a_skewed_row_does_not_turn_time_back():
    model = ftrl(keeping=Keeping(expiry=Expiry(1)))
    learn_in_parts(model, [[1], [2], [3]], [1], np.array([100, 40, 101]) * HOUR_MS)
    assert model.to_arrays()["hours"].tolist() == [100, 100, 101]


def test_sketches_are_renewed_and_the_last_one_is_still_asked():
    admission = Admission(1, 1.0)
    admission._sketch.totals[1] = (1 << 20) - 2
    model = ftrl(keeping=Keeping(admission))
    learn_in_parts(model, [[1], [2], [3]], [])
    assert admission._sketch.totals[2] == 1 and admission._sketch.totals[1] == 1
    learn_in_parts(model, [[1], [2], [3]], [])
    assert keys_of(model) == [1, 2, 3]


def test_distinct_keys_are_estimated_within_a_few_percent():
    for count in (100, 10_000, 200_000):
        model = ftrl(keeping=Keeping(Admission(3, 1.0)))
        keys = np.random.default_rng(count).integers(1, 2**63, count).tolist()
        learn_in_parts(model, [keys[i : i + 1000] for i in range(0, count, 1000)], [])
        assert model.seen == pytest.approx(count, rel=0.06)


@pytest.mark.parametrize("options", OPTIONS, ids=IDS)
def test_it_keeps_a_learner_s_promises(options):
    batches = [SAMPLES.slice(0, 120), SAMPLES.slice(120, 60), SAMPLES.slice(180)]
    check_learner(SparseLinear, SCHEMA, batches, options)


@pytest.mark.parametrize("options", OPTIONS, ids=IDS)
@settings(max_examples=10)
@given(cuts=st.lists(st.integers(1, 299), unique=True, max_size=4).map(sorted))
def test_deltas_carry_removals_and_snapshots_their_instant(tmp_path_factory, options, cuts):
    model, folder = SparseLinear(SCHEMA, options), tmp_path_factory.mktemp("saved")
    model.save(folder)
    follower, undisturbed = SparseLinear(SCHEMA, options), SparseLinear(SCHEMA, options)
    follower.load_serving(folder)
    model.track()
    for start, stop in zip([0, *cuts], [*cuts, 300], strict=True):
        model.learn(SAMPLES.slice(start, stop - start))
        model.snapshot().sparsity()
        follower.apply(model.delta())
        assert (follower.predict(SAMPLES) == model.predict(SAMPLES)).all()
    undisturbed.learn(SAMPLES)
    assert saved(model, tmp_path_factory) == saved(undisturbed, tmp_path_factory)
    assert follower._serving._table.size == model.sparsity().non_zero


def test_names_of_removed_keys_go_with_them():
    model = SparseLinear(SCHEMA, {"expire_after": 1, "l1": 0.0})
    model.learn(SAMPLES)
    arrays = model._names.to_arrays()
    assert len(arrays["field_ids"]) == model.model.table.size < model.model.seen
    known = {(row["field"], row["value"]) for row in model.weights().to_pylist()}
    learned_last = {("user", user) for user in SAMPLES.column("user").to_pylist()[-20:]}
    assert learned_last <= known


def test_switched_on_later_all_keys_count_from_then(tmp_path):
    before = SparseLinear(SCHEMA)
    before.learn(SAMPLES.slice(0, 100))
    before.save(tmp_path)
    model = SparseLinear(SCHEMA, {"expire_after": 3, "admit_after": 1})
    model.load(tmp_path)
    model.learn(SAMPLES.slice(100, 1))
    assert model.model.table.size >= before.model.table.size
    assert len(set(model.model.table.hours().tolist())) == 1


def saved(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("state")
    model.save(folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


GOLDEN = {
    "ftrl": ("d5b1a03dcc4047a0", "49d553829c9965e2"),
    "rda": ("4efcf6b57d377c00", "22ca3db3b72acb9c"),
    "fobos": ("1612d2c3ae274f81", "7048cbd9d168c8a8"),
    "truncated": ("590039332cb2340d", "8c79a645aa4daf90"),
    "sgd": ("eec93e4abdbb6bc3", "80b2b41a9350ca2c"),
}


@pytest.mark.parametrize("algorithm", GOLDEN)
def test_without_these_options_the_bytes_are_those_from_before_there_were_any(algorithm, tmp_path):
    model = SparseLinear(SCHEMA, {"algorithm": algorithm})
    model.learn(stream(300))
    model.save(tmp_path)
    digests = [
        hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        for file in sorted(tmp_path.glob("*.safetensors"))
    ]
    assert tuple(digests) == GOLDEN[algorithm]


def test_settings_say_what_is_kept():
    chosen = SparseLinear(SCHEMA, {"admit_after": 3}).settings
    assert json.loads(json.dumps(chosen))["admit_after"] == 3
    assert chosen["admit_probability"] == 1.0 and chosen["expire_after"] == 0


def test_only_admitted_keys_are_saved(tmp_path):
    model = SparseLinear(SCHEMA, {"admit_after": 3})
    model.learn(SAMPLES)
    model.save(tmp_path)
    assert len(load_file(tmp_path / "state.safetensors")["keys"]) == model.sparsity().admitted
    assert model.sparsity().admitted < model.sparsity().seen
