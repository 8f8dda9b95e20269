from itertools import product

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from updates.samples.encoder import Encoder
from updates.samples.schema import SampleSchema

SCHEMA = SampleSchema(
    user="user",
    item="item",
    categorical=("device",),
    numeric=("price", "age"),
    multivalued=("genres", "tags"),
    crosses=(("user", "device"), ("user", "genres"), ("genres", "tags")),
)
TEXT = st.none() | st.sampled_from(["", "a", "b", "ü×ß", "x" * 40])
LIST = st.none() | st.lists(TEXT, max_size=5)
NUMBER = st.none() | st.sampled_from([0.0, -0.0, 1.5, -2.0])
KINDS = {"user": TEXT, "item": TEXT, "device": TEXT, "price": NUMBER, "age": NUMBER}
ROWS = st.lists(st.fixed_dictionaries(KINDS | {"genres": LIST, "tags": LIST}), max_size=8)


def batch_of(rows: list[dict], schema: SampleSchema = SCHEMA) -> pa.RecordBatch:
    own = {"label": 1, "event_time": 0, "weight": 1}
    return pa.RecordBatch.from_pylist([own | row for row in rows], schema=schema.arrow)


def key(text: str, seed: int) -> int:
    return xxhash.xxh64_intdigest(text.encode(), seed) or 1


def seed(field: str) -> int:
    return xxhash.xxh64_intdigest(field.encode())


def naive(row: dict) -> list[tuple[str, str, int, float]]:
    """(feature, value, key, number) of a row by the definition, one value at a time."""
    values = {name: [row[name]] for name in ("user", "item", "device")}
    values |= {name: list(dict.fromkeys(row[name] or [])) for name in ("genres", "tags")}
    values = {name: [v for v in texts if v is not None] for name, texts in values.items()}

    def features(*names):
        return [(n, v, key(v, seed(n)), 1.0) for n in names for v in values[n]]

    found = features("user", "item", "device")
    found += [(n, "", key("", seed(n)), row[n]) for n in ("price", "age") if row[n]]
    found += features("genres", "tags")
    for left, right in SCHEMA.crosses:
        name = f"{left}×{right}"
        for a, b in product(features(left), features(right)):
            both = a[2].to_bytes(8, "little") + b[2].to_bytes(8, "little")
            hashed = xxhash.xxh64_intdigest(both, seed(name)) or 1
            found.append((name, f"{a[1]}×{b[1]}", hashed, 1.0))
    return found


@given(ROWS)
def test_a_batch_is_its_rows_encoded_one_by_one(rows):
    encoded = Encoder(SCHEMA).encode(batch_of(rows))
    expected = [naive(row) for row in rows]
    assert np.diff(encoded.indptr).tolist() == [len(row) for row in expected]
    assert encoded.keys.tolist() == [found[2] for row in expected for found in row]
    assert encoded.values.tolist() == [found[3] for row in expected for found in row]


@given(ROWS, st.data())
def test_names_are_those_of_the_keys_at_any_positions(rows, data):
    encoded = Encoder(SCHEMA).encode(batch_of(rows))
    flat = [found for row in rows for found in naive(row)]
    chosen = data.draw(st.lists(st.sampled_from(range(len(flat))))) if flat else []
    features, values = encoded.names(np.array(chosen, np.int64))
    assert features.to_pylist() == [flat[i][0] for i in chosen]
    assert values.to_pylist() == [flat[i][1] for i in chosen]


@given(ROWS)
def test_no_key_comes_twice_in_a_row(rows):
    encoded = Encoder(SCHEMA).encode(batch_of(rows))
    for start, stop in zip(encoded.indptr, encoded.indptr[1:], strict=False):
        assert len(set(encoded.keys[start:stop].tolist())) == stop - start


@given(ROWS, st.integers(0, 8), st.integers(0, 8))
def test_a_slice_is_encoded_as_its_rows(rows, start, length):
    batch = batch_of(rows).slice(start, length)
    encoded = Encoder(SCHEMA).encode(batch)
    fresh = Encoder(SCHEMA).encode(batch_of(rows[start : start + length]))
    assert encoded.keys.tolist() == fresh.keys.tolist()
    assert encoded.indptr.tolist() == fresh.indptr.tolist()
    positions = np.arange(len(fresh.keys))
    assert encoded.names(positions)[1].equals(fresh.names(positions)[1])


def test_a_table_of_several_chunks_is_encoded_as_one_batch():
    rows = [{"user": f"u{i}", "genres": ["a", f"g{i}"], "price": i} for i in range(5)]
    table = pa.Table.from_batches([batch_of(rows[:2]), batch_of(rows[2:])])
    whole = Encoder(SCHEMA).encode(batch_of(rows))
    assert Encoder(SCHEMA).encode(table).keys.tolist() == whole.keys.tolist()


def test_a_null_list_that_hides_values_has_no_key():
    lists = pa.ListArray.from_arrays(
        pa.array([0, 2, 3], pa.int32()), pa.array(["a", "b", "c"]), mask=pa.array([True, False])
    )
    schema = SampleSchema(multivalued=("genres",))
    batch = batch_of([{}, {}], schema).set_column(3, "genres", lists)
    encoded = Encoder(schema).encode(batch)
    assert encoded.keys.tolist() == [key("c", seed("genres"))]
    assert encoded.indptr.tolist() == [0, 0, 1]


def test_repeats_are_found_in_long_lists():
    schema = SampleSchema(multivalued=("tags",))
    tags = [f"t{i % 700}" for i in range(1000)]
    encoded = Encoder(schema).encode(batch_of([{"tags": tags}, {"tags": tags[:3]}], schema))
    assert encoded.indptr.tolist() == [0, 700, 703]


def test_labels_weights_and_event_times_come_along():
    row = {"label": 0, "event_time": 1_700_000_000_123, "weight": 0.5, "user": "u"}
    encoded = Encoder(SCHEMA).encode(batch_of([row]))
    assert encoded.labels.tolist() == [0.0]
    assert encoded.weights.tolist() == [0.5]
    assert encoded.event_times.tolist() == [1_700_000_000_123]


def test_a_batch_without_a_field_of_the_schema_is_refused():
    batch = batch_of([{}]).drop_columns(["device"])
    with pytest.raises(KeyError, match="device"):
        Encoder(SCHEMA).encode(batch)


def test_a_column_of_another_type_is_refused():
    batch = batch_of([{}])
    batch = batch.set_column(3, "user", pa.array([1]))
    with pytest.raises(TypeError, match="type string is needed, got int64"):
        Encoder(SCHEMA).encode(batch)
