"""A logger's spool outlives its process; who shares it; disks that are full."""

import errno
import json
import os
import threading
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from recadmin_client import SpoolFull, writer
from tests.client.scripted import problem
from tests.client.spooled import *  # noqa: F403 - a logger and its server
from tests.client.spooled import files
from tests.conftest import wait_until


def test_what_could_not_be_sent_is_sent_by_the_next_logger(logger_of, away, log, spool):
    away()
    logger = logger_of(batch_rows=2)
    for n in range(5):
        logger.log({"n": n})
    assert logger.close(0) is False
    assert len(files(spool)) == 3
    away(False)
    second = logger_of()
    assert second.flush()
    assert log.numbers == list(range(5))
    assert files(spool) == []
    assert second.counts().sent == 5


def test_the_folder_of_a_logger_that_lives_is_left_to_it(logger_of, away, log):
    away()
    first, second = logger_of(), logger_of()
    first.log({"n": 1})
    second.log({"n": 2})
    third = logger_of()
    assert third.counts().waiting_bytes == 0
    away(False)
    assert first.flush()
    assert second.flush()
    assert sorted(log.numbers) == [1, 2]


def test_a_crash_between_the_answer_and_the_deletion_keeps_refused_rows_aside_once(
    logger_of, log, spool, monkeypatch
):
    log.bad = (1,)
    with monkeypatch.context() as broken:
        broken.setattr(
            "pathlib.Path.unlink", lambda self, **how: (_ for _ in ()).throw(OSError("gone"))
        )
        first = logger_of()
        first.log({"n": 1})
        first.flush(0)
        wait_until(lambda: first.counts().last_error == "gone")
        first._courier.stop(1)
    first.close(0)
    second = logger_of()
    assert second.flush()
    assert [path.parent.name for path in spool.rglob("*.ndjson")] == ["rejected"]
    assert second.counts().rejected == 1


def test_a_row_that_the_disk_does_not_take_leaves_nothing_of_itself(logger_of, log, monkeypatch):
    logger = logger_of()
    logger.log({"n": 1})
    write, calls = os.write, []

    def half_then_full(descriptor, content):
        calls.append(content)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "full")
        return write(descriptor, content[: len(content) // 2])

    with monkeypatch.context() as full:
        full.setattr(writer.os, "write", half_then_full)
        with pytest.raises(SpoolFull, match="disk"):
            logger.log({"n": 2})
    logger.log({"n": 3})
    assert logger.flush()
    assert log.numbers == [1, 3]


@pytest.fixture
def disk(monkeypatch):
    """A disk that takes so many writes, ``disk.takes``, and is full from then on."""
    write, of = os.write, SimpleNamespace(takes=0)

    def write_or_fail(descriptor, content):
        of.takes -= 1
        if of.takes < 0:
            raise OSError(errno.ENOSPC, "full")
        return write(descriptor, content)

    monkeypatch.setattr(writer.os, "write", write_or_fail)
    return of


def test_of_rows_of_one_batch_a_full_disk_takes_none(logger_of, log, disk):
    logger = logger_of()
    with pytest.raises(SpoolFull, match="disk"):
        logger.log_many([{"n": 1}, {"n": 2}])
    disk.takes = 1
    logger.log_many([{"n": 3}, {"n": 4}])
    assert logger.flush()
    assert log.numbers == [3, 4]
    assert logger.counts().logged == 2


@pytest.mark.parametrize("when_full", ["raise", "drop"])
def test_of_rows_of_several_batches_those_before_the_disk_was_full_are_taken(
    logger_of, log, disk, when_full
):
    logger = logger_of(batch_rows=2, when_full=when_full)
    disk.takes = 1
    with pytest.raises(SpoolFull) if when_full == "raise" else nullcontext():
        logger.log_many({"n": n} for n in range(5))
    assert logger.flush()
    assert log.numbers == [0, 1]
    assert logger.counts().logged == 2
    assert logger.counts().dropped == (0 if when_full == "raise" else 3)


def test_rows_of_many_threads_arrive_whole_and_once(logger_of, log):
    with logger_of(batch_rows=70) as logger:

        def work(k):
            for n in range(200):
                logger.log({"n": 1_000 * k + n})

        threads = [threading.Thread(target=work, args=(k,)) for k in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(log.numbers) == [1_000 * k + n for k in range(5) for n in range(200)]


# JAX, where other tests have loaded it, warns of forks: the child makes no use of it.
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
def test_a_forked_child_logs_for_itself_and_leaves_its_parent_s_rows_alone(
    logger_of, away, log, spool
):
    away()
    logger = logger_of()
    logger.log({"n": 1})
    child = os.fork()
    if child == 0:
        try:
            logger.log({"n": 2})
        finally:
            os._exit(0 if logger.counts().logged == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    logger.log({"n": 3})
    away(False)
    assert logger.flush()
    assert log.numbers == [1, 3]
    logger.close()
    assert logger_of().flush()
    assert sorted(log.numbers) == [1, 2, 3]
    assert files(spool) == []


def test_half_a_line_of_a_process_that_is_gone_is_cut_off(logger_of, away, log):
    away()
    logger = logger_of()
    logger.log({"n": 1})
    logger.close(0)
    [folder] = [path for path in logger.root.iterdir() if path.name != "rejected"]
    (folder / "00000007.open").write_bytes(b'{"n":2}\n{"n":')
    (folder / "00000008.open").write_bytes(b"")
    away(False)
    assert logger_of().flush()
    assert log.numbers == [1, 2]


def test_lines_that_are_no_json_are_kept_as_they_are(logger_of, away, server):
    away()
    logger = logger_of()
    logger.log({"n": 1})
    logger.close(0)
    [batch] = logger.root.rglob("*.ndjson")
    batch.write_bytes(b"\0\0\0\n")
    server.otherwise = problem(400, detail="No JSON.")
    assert logger_of().flush()
    [kept] = (logger.root / "rejected").iterdir()
    assert json.loads(kept.read_text()) == {"field": "", "error": "No JSON.", "row": "\0\0\0"}


def test_a_batch_that_somebody_deleted_keeps_nothing_from_being_sent(logger_of, away, log, server):
    away()
    logger = logger_of(batch_rows=1)
    for n in range(3):
        logger.log({"n": n})

    def take_and_delete_the_next(request):
        sorted(logger.root.rglob("*.ndjson"))[1].unlink()
        server.otherwise = log
        return log(request)

    server.otherwise = take_and_delete_the_next
    assert logger.flush()
    assert log.numbers == [0, 2]
