import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from updates.learners.sparse.names import Names

pairs = st.tuples(st.sampled_from(["user", "item", "user×item"]), st.text(max_size=5))
chunks = st.lists(st.lists(pairs, min_size=1, max_size=8), max_size=20)


def names_of(chunks):
    names = Names()
    for chunk in chunks:
        fields, values = zip(*chunk, strict=True)
        names.append(pa.array(fields, pa.string()), pa.array(values, pa.string()))
    return names


def read(names, numbers):
    fields, values = names.take(np.array(numbers, np.int64))
    return list(zip(fields.to_pylist(), values.to_pylist(), strict=True))


@given(chunks, st.randoms())
def test_it_behaves_like_a_list_of_pairs(chunks, random):
    expected = [pair for chunk in chunks for pair in chunk]
    numbers = [random.randrange(len(expected)) for _ in expected]
    names = names_of(chunks)
    assert len(names) == len(expected)
    assert read(names, numbers) == [expected[i] for i in numbers]


@given(chunks)
def test_its_arrays_do_not_depend_on_the_chunks_and_can_be_read_back(chunks):
    flat = [pair for chunk in chunks for pair in chunk]
    arrays = names_of(chunks).to_arrays()
    for name, array in names_of([[pair] for pair in flat]).to_arrays().items():
        assert array.tobytes() == arrays[name].tobytes()
    assert read(Names.from_arrays(arrays), range(len(flat))) == flat


def test_slices_of_larger_arrays_are_appended_as_they_look():
    names = Names()
    values = pa.array(["x", "y", "z"], pa.large_string())
    names.append(pa.array(["a", "b", "c"]).slice(1), values.slice(1))
    assert read(Names.from_arrays(names.to_arrays()), [0, 1]) == [("b", "y"), ("c", "z")]
