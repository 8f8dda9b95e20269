import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from updates.samples.hashing import cross_key, cross_name, field_seed, hash_strings

SEEDS = st.integers(0, 2**64 - 1)
TEXTS = st.lists(st.none() | st.text(max_size=80), max_size=30)


def expected(text: str, seed: int) -> int:
    return xxhash.xxh64_intdigest(text.encode(), seed) or 1


@pytest.mark.parametrize("length", range(101))
def test_keys_are_xxh64_at_every_length(length):
    text = "".join(chr(33 + (7 * i + length) % 90) for i in range(length))
    assert hash_strings(pa.array([text]), np.uint64(2**63 + 5))[0] == expected(text, 2**63 + 5)


@given(TEXTS, SEEDS)
def test_keys_are_xxh64_of_utf8_and_0_for_null(texts, seed):
    keys = hash_strings(pa.array(texts, pa.string()), np.uint64(seed))
    assert keys.tolist() == [0 if text is None else expected(text, seed) for text in texts]


@given(TEXTS, st.integers(0, 30), st.integers(0, 30))
def test_a_slice_has_the_keys_of_its_values(texts, start, length):
    array = pa.array(texts, pa.string())
    whole = hash_strings(array, np.uint64(3))
    part = hash_strings(array.slice(start, length), np.uint64(3))
    assert part.tolist() == whole[start : start + length].tolist()


def test_nulls_alone_have_no_buffer_to_read():
    assert hash_strings(pa.nulls(3, pa.string()), np.uint64(1)).tolist() == [0, 0, 0]


# Saved models hold these numbers: a change here makes every deployed model forget.
def test_keys_never_change_between_releases():
    seed = field_seed("user")
    assert int(seed) == 4440828080198502894
    keys = hash_strings(pa.array(["", "a", "ünïcødé", "x" * 70]), seed)
    assert keys.tolist() == [
        16514198235123678961,
        5258931282476269486,
        12625610405132611989,
        9787793967583524406,
    ]
    crossed = cross_key(keys[0], keys[1], field_seed(cross_name("user", "genres")))
    assert int(crossed) == 16659644372566039217


@given(SEEDS, SEEDS, SEEDS)
def test_a_cross_is_xxh64_of_both_keys_little_endian(left, right, seed):
    both = left.to_bytes(8, "little") + right.to_bytes(8, "little")
    key = cross_key(np.uint64(left), np.uint64(right), np.uint64(seed))
    assert int(key) == (xxhash.xxh64_intdigest(both, seed) or 1)


def test_the_order_of_a_cross_counts():
    a, b, seed = np.uint64(1), np.uint64(2), np.uint64(3)
    assert cross_key(a, b, seed) != cross_key(b, a, seed)


def test_a_value_that_hashes_to_0_gets_key_1():
    seed = 2**64 - 0x27D4EB2F165667C5  # takes the specification's PRIME64_5 back to 0
    assert xxhash.xxh64_intdigest(b"", seed) == 0
    assert hash_strings(pa.array([""]), np.uint64(seed)).tolist() == [1]


@pytest.mark.parametrize("kind", [pa.large_string(), pa.int64(), pa.binary()])
def test_arrays_of_other_types_are_refused(kind):
    with pytest.raises(TypeError, match=f"type string is needed, got {kind}"):
        hash_strings(pa.array([], kind), np.uint64(0))
