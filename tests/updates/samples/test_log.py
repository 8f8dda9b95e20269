"""The sample log: stream and archive read as one sequence."""

from datetime import timedelta

import pyarrow as pa
import pytest
from django.utils import timezone

from tests.conftest import FIRST_EVENT_TIME, SCHEMA, make_batch
from updates.models import ArchivedBatch, Recommender, Segment
from updates.samples import log as log_module
from updates.samples.archive import CorruptSegment
from updates.samples.log import BatchConflict, Head, LogGap, LogUnavailable, SampleLog
from updates.samples.schema import SampleSchema

NOW = FIRST_EVENT_TIME + timedelta(days=1)
LATER = NOW + timedelta(days=1)


@pytest.fixture
def log(make_recommender, valkey, settings):
    settings.SEGMENT_ROWS = 30
    return SampleLog(make_recommender())


def fill(log, rows=100, size=10):
    """Append so many rows in batches b0, b1, …"""
    for i in range(rows // size):
        log.append(make_batch(size, first=i * size), f"b{i}", NOW)


def offsets(log, start=1, stop=10**9, since=None):
    return [o for b in log.read(start, stop, since) for o in b.column("offset").to_pylist()]


def test_samples_come_back_in_order_with_offset_and_arrival(log):
    fill(log, 20)
    (batch,) = log.read(1, 21)
    assert batch.schema.names == ["offset", "arrived_at", *SCHEMA.arrow.names]
    assert batch.select(SCHEMA.arrow.names).equals(make_batch(20))
    assert batch.column("offset").to_pylist() == list(range(1, 21))
    assert set(batch.column("arrived_at").to_pylist()) == {NOW}


def test_the_head_is_how_far_the_log_has_come(log):
    assert log.head() == Head(0, None, None)
    fill(log, 20)
    assert log.head() == Head(20, FIRST_EVENT_TIME + timedelta(seconds=19), NOW)


def test_heads_of_many_come_by_recommender(log, make_recommender):
    other = make_recommender("other")
    fill(log, 20)
    heads = SampleLog.heads([log.recommender, other])
    assert heads[log.recommender.pk].last_offset == 20
    assert heads[other.pk] == Head()
    assert SampleLog.heads([]) == {}


def test_small_batches_are_merged_into_large_ones(log, monkeypatch):
    monkeypatch.setattr(log_module, "ROWS_A_BATCH", 64)
    fill(log, 100)
    sizes = [batch.num_rows for batch in log.read(1, 101)]
    log.archive(NOW)
    assert sizes == [64, 36] == [batch.num_rows for batch in log.read(1, 101)]


def test_archiving_moves_closed_ranges_and_keeps_the_rest_in_the_stream(log):
    fill(log, 100)
    segments = []
    while segment := log.archive(NOW):
        segments.append((segment.first_offset, segment.last_offset))
    assert segments == [(1, 30), (31, 60), (61, 90)]
    assert log.stream.client.xlen(log.stream.stream_key) == 1
    assert offsets(log) == list(range(1, 101))


def test_a_range_is_closed_by_its_age_too(log, settings):
    fill(log, 20)
    assert log.archive(NOW + timedelta(seconds=settings.SEGMENT_SECONDS - 1)) is None
    segment = log.archive(NOW + timedelta(seconds=settings.SEGMENT_SECONDS))
    assert (segment.first_offset, segment.last_offset) == (1, 20)
    assert log.archive(LATER) is None


def test_a_segment_row_says_what_the_file_holds(log, settings):
    fill(log, 30)
    segment = log.archive(NOW)
    assert segment.min_event_time == FIRST_EVENT_TIME
    assert segment.max_event_time == FIRST_EVENT_TIME + timedelta(seconds=29)
    assert (settings.RECADMIN_DATA / segment.path).stat().st_size == segment.bytes


@pytest.mark.parametrize(("start", "stop"), [(1, 101), (25, 35), (30, 31), (55, 95), (95, 99)])
def test_a_range_is_read_across_segments_and_stream(log, start, stop):
    fill(log, 100)
    log.archive(NOW), log.archive(NOW)
    assert offsets(log, start, stop) == list(range(start, stop))


@pytest.mark.parametrize("archived", [False, True])
def test_reading_since_an_event_time_leaves_older_samples_out(log, archived):
    fill(log, 40)
    if archived:
        log.archive(NOW)
    since = FIRST_EVENT_TIME + timedelta(seconds=25)
    assert offsets(log, since=since) == list(range(26, 41))


def test_reading_ends_where_the_log_does(log):
    assert offsets(log) == []
    fill(log, 20)
    assert offsets(log, 15, 10_000) == list(range(15, 21))
    assert offsets(log, 21, 10_000) == offsets(log, 9, 9) == offsets(log, 9, 3) == []


def test_reading_goes_on_while_the_stream_is_archived_under_it(log, monkeypatch):
    monkeypatch.setattr(log_module, "ROWS_A_BATCH", 10)
    monkeypatch.setattr("updates.samples.stream.ENTRIES_A_READ", 1)
    fill(log, 100)
    read = []
    for batch in log.read(1, 101):
        read += batch.column("offset").to_pylist()
        log.archive(NOW)
    assert read == list(range(1, 101))
    assert Segment.objects.count() == 3


def test_archived_samples_are_read_without_valkey(log, settings):
    fill(log, 30)
    log.archive(NOW)
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    assert offsets(SampleLog(log.recommender), 1, 31) == list(range(1, 31))


def test_a_retry_adds_nothing_before_and_after_archiving(log):
    first = log.append(make_batch(30), "id", NOW)
    assert log.append(make_batch(30), "id", LATER).duplicate
    log.archive(NOW)
    again = log.append(make_batch(30), "id", LATER)
    assert again.duplicate
    assert (again.first_offset, again.last_offset) == (first.first_offset, first.last_offset)
    assert offsets(log) == list(range(1, 31))


def test_a_batch_archived_between_look_up_and_append_is_found(log, monkeypatch):
    """The one moment at which neither place would show it."""
    log.append(make_batch(30), "id", NOW)
    look_up = SampleLog._archived

    def look_up_then_archive(self, *args):
        found = look_up(self, *args)
        self.archive(NOW)
        return found

    monkeypatch.setattr(SampleLog, "_archived", look_up_then_archive)
    assert log.append(make_batch(30), "id", LATER).duplicate


@pytest.mark.parametrize("archived", [False, True])
def test_a_batch_id_used_for_other_content_is_refused(log, archived):
    log.append(make_batch(30), "id", NOW)
    if archived:
        log.archive(NOW)
    with pytest.raises(BatchConflict, match="offsets 1 to 30"):
        log.append(make_batch(30, first=1), "id", NOW)
    assert log.head().last_offset == 30


def test_batch_ids_of_archived_batches_leave_valkey(log):
    fill(log, 100)
    while log.archive(NOW):
        pass
    assert len(log.stream.client.keys("*:batch:*")) == 1
    assert ArchivedBatch.objects.count() == 9


def test_an_emptied_valkey_loses_no_archived_sample_and_reuses_no_offset(log, valkey):
    fill(log, 30)
    log.archive(NOW)
    valkey.flushall()
    assert log.head() == Head(30, FIRST_EVENT_TIME + timedelta(seconds=29), None)
    assert log.append(make_batch(5), "new", NOW).first_offset == 31
    assert log.append(make_batch(10, first=10), "b1", NOW).duplicate
    assert offsets(log) == list(range(1, 36))


@pytest.mark.parametrize("batch_id", ["", "x" * 201])
def test_a_batch_id_that_cannot_be_kept_is_refused(log, batch_id):
    with pytest.raises(ValueError, match=f"1 to 200 characters, got {len(batch_id)}"):
        log.append(make_batch(1), batch_id, NOW)


def test_an_empty_batch_is_refused(log):
    with pytest.raises(ValueError, match="at least one sample"):
        log.append(make_batch(0), "id", NOW)


def with_schema(log, schema):
    """The same log after its recommender's schema has been changed."""
    Recommender.objects.filter(pk=log.recommender.pk).update(schema=schema.to_json())
    return SampleLog(Recommender.objects.get(pk=log.recommender.pk))


OTHER_SCHEMA = SampleSchema(user="user", categorical=("country",))
OTHER_BATCH = make_batch([{"user": "a", "country": "se"}], schema=OTHER_SCHEMA)


def test_a_changed_schema_reads_old_samples_in_its_own_columns(log):
    log.append(make_batch(10), "old", NOW)
    log = with_schema(log, OTHER_SCHEMA)
    log.append(OTHER_BATCH, "new", NOW)
    (batch,) = log.read(1, 12)
    assert batch.schema.names == ["offset", "arrived_at", *OTHER_SCHEMA.arrow.names]
    assert batch.column("country").to_pylist() == [None] * 10 + ["se"]


def test_archived_samples_keep_the_columns_with_which_they_came(log):
    log.append(make_batch(10), "old", NOW)
    log = with_schema(log, OTHER_SCHEMA)
    log.append(OTHER_BATCH, "new", NOW)
    assert [log.archive(LATER).last_offset, log.archive(LATER).last_offset] == [10, 11]
    (batch,) = with_schema(log, SCHEMA).read(1, 11)
    assert batch.select(SCHEMA.arrow.names).equals(make_batch(10))


def test_a_corrupted_segment_is_named(log, settings):
    fill(log, 30)
    segment = log.archive(NOW)
    path = settings.RECADMIN_DATA / segment.path
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CorruptSegment, match=path.name):
        offsets(log)


def test_a_hole_in_the_stream_is_named(log, valkey):
    fill(log, 30)
    valkey.xdel(log.stream.stream_key, "20-0")
    with pytest.raises(LogGap, match="news: offsets 11 to 20 are missing"):
        offsets(log)


def test_a_hole_in_the_archive_is_named(log):
    fill(log, 90)
    while log.archive(NOW):
        pass
    Segment.objects.filter(first_offset=31).delete()
    with pytest.raises(LogGap, match="offsets 31 to 60 are missing"):
        offsets(log)


def test_a_valkey_that_is_away_is_said_to_be(log, settings):
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    with pytest.raises(LogUnavailable):
        SampleLog(log.recommender).append(make_batch(1), "id", NOW)


def test_deleting_a_recommender_removes_its_samples_and_no_others(
    log, make_recommender, valkey, settings, django_capture_on_commit_callbacks
):
    other = SampleLog(make_recommender("other"))
    fill(log, 40), fill(other, 40)
    log.archive(NOW), other.archive(NOW)
    with django_capture_on_commit_callbacks(execute=True):
        log.recommender.delete()
    assert not log.folder.exists()
    assert not [key for key in valkey.keys("*") if key.startswith(log.stream.key_prefix.encode())]
    assert offsets(other) == list(range(1, 41))


def test_a_recommender_can_be_deleted_while_valkey_is_away(
    log, settings, django_capture_on_commit_callbacks, caplog
):
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    with django_capture_on_commit_callbacks(execute=True):
        log.recommender.delete()
    assert "stays in Valkey" in caplog.text


def test_a_lost_race_to_archive_leaves_the_winners_segment_alone(log, monkeypatch):
    fill(log, 40)
    write = log_module.write_segment

    def win_meanwhile(folder, samples):
        monkeypatch.setattr(log_module, "write_segment", write)
        log.recommender.refresh_from_db()
        SampleLog(log.recommender).archive(NOW)
        return write(folder, pa.concat_tables([samples]).slice(0, 20))

    monkeypatch.setattr(log_module, "write_segment", win_meanwhile)
    assert log.archive(NOW) is None
    assert len(list(log.folder.iterdir())) == Segment.objects.count() == 1
    assert offsets(log) == list(range(1, 41))


def test_an_age_of_days_does_not_hurry_a_log_without_samples(log):
    assert log.archive(timezone.now()) is None
