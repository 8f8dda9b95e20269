"""Appending to the stream: dense, once, durable or refused."""

import pytest

from updates.samples.stream import (
    ArchiveMoved,
    BatchConflict,
    LogGap,
    LogUnavailable,
    SampleStream,
    StreamHead,
)


@pytest.fixture
def stream(valkey):
    return SampleStream(valkey, "test:{s}", always_synced=True)


def put(stream, batch_id="a", rows=3, payload=b"rows", *, archived=0, fresh=True, event=1_000):
    return stream.append(
        payload,
        rows=rows,
        newest_event_time_ms=event,
        arrived_at_ms=2_000,
        batch_id=batch_id,
        archived_through=archived,
        fresh=fresh,
    )


def offsets(answer):
    return answer.first_offset, answer.last_offset


def test_offsets_begin_at_one_and_are_dense(stream):
    assert offsets(put(stream, "a", 3)) == (1, 3)
    assert offsets(put(stream, "b", 1)) == (4, 4)
    assert offsets(put(stream, "c", 2)) == (5, 6)


def test_a_retry_with_the_same_batch_id_adds_nothing(stream):
    first = put(stream, "a")
    again = put(stream, "a")
    assert not first.duplicate and again.duplicate
    assert offsets(again) == offsets(first)
    assert stream.head().last_offset == 3
    assert stream.client.xlen(stream.stream_key) == 1


def test_a_batch_id_used_for_other_content_is_refused_with_the_offsets_it_has(stream):
    put(stream, "a", payload=b"one")
    with pytest.raises(BatchConflict, match="'a' names another batch, at offsets 1 to 3"):
        put(stream, "a", payload=b"two")
    assert stream.head().last_offset == 3


def test_the_head_keeps_the_newest_event_time(stream):
    put(stream, "a", event=1_700_000_000_500)
    put(stream, "b", event=1_600_000_000_000)
    assert stream.head() == StreamHead(6, 1_700_000_000_500, 2_000, 0)


def test_an_empty_stream_has_an_empty_head(stream):
    assert stream.head() == StreamHead()


def test_event_times_before_1970_count(stream):
    put(stream, event=-5_000)
    assert stream.head().newest_event_time_ms == -5_000


def test_heads_come_in_the_order_asked_for(valkey):
    streams = [SampleStream(valkey, f"test:{{{i}}}", always_synced=True) for i in range(3)]
    put(streams[1], rows=7)
    heads = SampleStream.heads(valkey, streams)
    assert [head.last_offset for head in heads] == [0, 7, 0]


@pytest.mark.parametrize(("start", "stop", "expected"), [(1, 7, "abc"), (3, 4, "a"), (4, 6, "bc")])
def test_reading_brings_the_entries_that_hold_the_range(stream, start, stop, expected):
    for batch_id, rows in (("a", 3), ("b", 1), ("c", 2)):
        put(stream, batch_id, rows)
    assert "".join(entry.batch_id for entry in stream.read(start, stop)) == expected


def test_reading_crosses_round_trips(stream, monkeypatch):
    monkeypatch.setattr("updates.samples.stream.ENTRIES_A_READ", 3)
    for i in range(20):
        put(stream, str(i), rows=1)
    assert [entry.first_offset for entry in stream.read(1, 21)] == list(range(1, 21))


def test_an_entry_comes_back_as_it_was_put(stream):
    put(stream, "a", payload=b"\x00binary\xff")
    (entry,) = stream.read(1, 4)
    assert (entry.payload, entry.arrived_at_ms, entry.rows) == (b"\x00binary\xff", 2_000, 3)


def test_a_missing_entry_is_named_by_its_offsets(stream):
    for batch_id in "abc":
        put(stream, batch_id)
    stream.client.xdel(stream.stream_key, "6-0")
    with pytest.raises(LogGap, match="offsets 4 to 6 are missing"):
        list(stream.read(1, 10))


def test_offsets_past_the_end_are_a_gap(stream):
    put(stream)
    with pytest.raises(LogGap) as gap:
        list(stream.read(2, 9))
    assert (gap.value.first_offset, gap.value.last_offset) == (4, 8)


def test_trimming_forgets_what_is_archived_and_its_batch_ids(stream):
    put(stream, "a")
    put(stream, "b")
    stream.trim(3, ["a"])
    assert [entry.batch_id for entry in stream.read(4, 7)] == ["b"]
    assert stream.head().archived_through == 3
    assert sorted(stream.client.keys()) == [
        b"test:{s}:batch:b",
        b"test:{s}:head",
        b"test:{s}:stream",
    ]


def test_a_late_archiver_does_not_set_the_mark_back(stream):
    put(stream, "a")
    put(stream, "b")
    stream.trim(6, ["b"])
    stream.trim(3, ["a"])
    assert stream.head().archived_through == 6


def test_whoever_does_not_know_what_is_archived_must_look_again(stream):
    put(stream, "a")
    stream.trim(3, ["a"])
    with pytest.raises(ArchiveMoved):
        put(stream, "a", archived=0, fresh=False)
    with pytest.raises(ArchiveMoved):
        put(stream, "a", archived=0, fresh=True)
    assert offsets(put(stream, "b", archived=3, fresh=False)) == (4, 6)


def test_an_emptied_server_does_not_give_out_archived_offsets_again(stream):
    with pytest.raises(ArchiveMoved):
        put(stream, archived=500, fresh=False)
    assert offsets(put(stream, archived=500, fresh=True)) == (501, 503)
    assert stream.head().archived_through == 500


def test_the_script_is_sent_again_to_a_server_that_has_forgotten_it(stream):
    put(stream, "a")
    stream.client.script_flush()
    assert offsets(put(stream, "b")) == (4, 6)


def test_deleting_leaves_no_key_and_touches_no_other_recommender(valkey, stream):
    other = SampleStream(valkey, "test:{s2}", always_synced=True)
    put(stream), put(other)
    stream.delete()
    assert all(key.startswith(b"test:{s2}") for key in valkey.keys("*"))
    assert other.head().last_offset == 3


def test_a_server_that_is_away_is_said_to_be(tmp_path):
    import redis

    client = redis.Redis(unix_socket_path=str(tmp_path / "nobody.sock"), retry=None)
    stream = SampleStream(client, "test:{s}", always_synced=True)
    for call in (lambda: put(stream), stream.head, lambda: list(stream.read(1, 2)), stream.delete):
        with pytest.raises(LogUnavailable, match="unavailable"):
            call()


def test_offsets_stay_exact_past_what_short_number_formats_hold(stream):
    put(stream, "a", rows=10**15)
    assert offsets(put(stream, "b", rows=1)) == (10**15 + 1, 10**15 + 1)


class TestAnExternalServer:
    """One whose append-only file we did not configure: WAITAOF says whether it is synced."""

    @pytest.fixture
    def external(self, valkey):
        yield SampleStream(valkey, "test:{s}", always_synced=False)
        valkey.config_set("appendonly", "yes")
        valkey.config_set("appendfsync", "always")

    @pytest.mark.parametrize("fsync", ["always", "everysec"])
    def test_synced_samples_are_answered(self, external, fsync):
        external.client.config_set("appendfsync", fsync)
        assert offsets(put(external)) == (1, 3)
        assert put(external).duplicate

    def test_a_server_without_append_only_file_is_refused_saying_what_to_set(self, external):
        external.client.config_set("appendonly", "no")
        with pytest.raises(LogUnavailable, match="appendonly yes"):
            put(external)

    def test_a_sync_that_does_not_come_is_refused(self, external, monkeypatch):
        monkeypatch.setattr("updates.samples.durable.SYNC_TIMEOUT_MS", 50)
        external.client.config_set("appendfsync", "no")
        with pytest.raises(LogUnavailable, match="did not sync the samples to disk within 50 ms"):
            put(external)

    def test_a_retry_on_another_connection_waits_for_the_disk_too(self, external, monkeypatch):
        monkeypatch.setattr("updates.samples.durable.SYNC_TIMEOUT_MS", 50)
        external.client.config_set("appendfsync", "no")
        for _ in range(2):
            with pytest.raises(LogUnavailable):
                put(external)
            external.client.connection_pool.disconnect()
