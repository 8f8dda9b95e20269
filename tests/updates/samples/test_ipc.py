import pyarrow as pa
import pytest

from updates.samples.parse import from_ipc, to_ipc
from updates.samples.schema import SampleSchema

SCHEMA = SampleSchema(user="user", numeric=("price",), multivalued=("genres",))


def batch_of(rows: int) -> pa.RecordBatch:
    columns = [[1] * rows, range(rows), [1] * rows, ["u", None] * (rows // 2), range(rows)]
    lists = [["a", "b"] if i % 3 else None for i in range(rows)]
    arrays = [
        pa.array(values, field.type)
        for values, field in zip([*columns, lists], SCHEMA.arrow, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA.arrow)


@pytest.mark.parametrize("rows", [0, 2, 10_000])
def test_a_batch_comes_back_as_it_was(rows):
    batch = batch_of(rows)
    assert from_ipc(to_ipc(batch)).equals(batch, check_metadata=True)


def test_a_slice_is_written_without_the_rows_around_it():
    batch = batch_of(1000)
    body = to_ipc(batch.slice(600, 12))
    assert len(body) < 2 * len(to_ipc(batch_of(12)))
    assert from_ipc(body).equals(batch.slice(600, 12))


@pytest.mark.parametrize("rows", [10, 10_000])
def test_the_same_rows_give_the_same_bytes(rows):
    assert to_ipc(batch_of(rows)) == to_ipc(batch_of(rows))


def test_a_large_batch_is_compressed():
    batch = batch_of(10_000)
    assert len(to_ipc(batch)) < batch.nbytes / 2
