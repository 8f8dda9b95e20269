"""Segments: equal bytes for equal samples, pruned when read, checked before they are believed."""

import os
import time
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import FIRST_EVENT_TIME, make_batch
from updates.samples import archive
from updates.samples.archive import CorruptSegment, read_segment, sweep, write_segment
from updates.samples.batches import number, to_ms


@pytest.fixture
def samples(monkeypatch):
    monkeypatch.setattr(archive, "ROWS_A_GROUP", 10)
    return pa.Table.from_batches([number(make_batch(45), 101, 1_000)])


@pytest.fixture
def segment(samples, tmp_path):
    return write_segment(tmp_path / "samples" / "r1", samples)


def read(segment, start=0, stop=999, since_ms=None):
    batches = list(read_segment(segment.path, segment.sha256, start, stop, since_ms))
    return [offset for batch in batches for offset in batch.column("offset").to_pylist()]


def test_samples_come_back_as_they_were_written(segment, samples):
    batches = list(read_segment(segment.path, segment.sha256, 0, 999))
    assert pa.Table.from_batches(batches).equals(samples)


def test_a_segment_says_what_it_holds(segment):
    assert (segment.first_offset, segment.last_offset) == (101, 145)
    assert segment.min_event_time == FIRST_EVENT_TIME
    assert segment.max_event_time == FIRST_EVENT_TIME + timedelta(seconds=44)
    assert segment.bytes == segment.path.stat().st_size


def test_the_same_samples_give_the_same_bytes(segment, samples, tmp_path):
    in_pieces = pa.Table.from_batches(samples.to_batches(max_chunksize=7))
    again = write_segment(tmp_path / "other", in_pieces)
    assert again.sha256 == segment.sha256
    assert again.path.read_bytes() == segment.path.read_bytes()


@pytest.mark.parametrize(("start", "stop"), [(101, 146), (110, 112), (120, 121), (90, 105)])
def test_a_range_is_read(segment, start, stop):
    assert read(segment, start, stop) == list(range(max(start, 101), min(stop, 146)))


def test_only_the_row_groups_of_the_range_are_read(segment, monkeypatch):
    asked = []
    iter_batches = pq.ParquetFile.iter_batches

    def spy(self, *args, row_groups, **kwargs):
        asked.append(list(row_groups))
        return iter_batches(self, *args, row_groups=row_groups, **kwargs)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
    read(segment, 112, 125)
    read(segment, since_ms=to_ms(FIRST_EVENT_TIME) + 31_000)
    assert asked == [[1, 2], [3, 4]]


def test_older_samples_are_left_out(segment):
    assert read(segment, since_ms=to_ms(FIRST_EVENT_TIME) + 42_000) == [143, 144, 145]


def test_nothing_is_left_beside_the_segment(segment):
    assert [path.name for path in segment.path.parent.iterdir()] == [segment.path.name]


@pytest.mark.parametrize("damage", ["torn", "flipped", "gone", "empty"])
def test_a_damaged_segment_is_named(segment, damage):
    whole = segment.path.read_bytes()
    if damage == "gone":
        segment.path.unlink()
    else:
        flipped = whole[:500] + bytes([whole[500] ^ 1]) + whole[501:]
        segment.path.write_bytes({"torn": whole[:-9], "flipped": flipped, "empty": b""}[damage])
    with pytest.raises(CorruptSegment, match=f"segment r1/{segment.path.name} is "):
        read(segment)


def test_damage_after_the_first_read_is_noticed(segment):
    read(segment)
    segment.path.write_bytes(segment.path.read_bytes()[:-1])
    with pytest.raises(CorruptSegment):
        read(segment)


def test_a_file_is_checked_once(segment, monkeypatch):
    read(segment)
    monkeypatch.setattr(archive, "file_digest", lambda path: pytest.fail("checked again"))
    assert len(read(segment)) == 45


def test_what_died_attempts_left_is_swept(segment, samples):
    folder = segment.path.parent
    shorter = write_segment(folder, samples.slice(0, 20))
    after = write_segment(folder, samples.slice(20))
    old, young = folder / ".x.parquet.1", folder / ".y.parquet.2"
    old.touch(), young.touch()
    os.utime(old, (0, time.time() - 2 * archive.OLD_DRAFT_SECONDS))
    sweep(segment)
    assert not shorter.path.exists() and not old.exists()
    assert segment.path.exists() and after.path.exists() and young.exists()
