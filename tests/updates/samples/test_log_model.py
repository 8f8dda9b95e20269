"""Append, retry, archive, crash and read in any order equal a plain list."""

from datetime import timedelta

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.conftest import FIRST_EVENT_TIME, make_batch
from updates.models import Recommender
from updates.samples import log as log_module
from updates.samples.log import BatchConflict, Head, SampleLog
from updates.samples.stream import SampleStream

NOW = FIRST_EVENT_TIME + timedelta(days=1)
OVERDUE = NOW + timedelta(days=1)


class Crash(Exception):
    """The process ends here."""


def crash(*args, **kwargs):
    raise Crash


class LogMachine(RuleBasedStateMachine):
    """The model: ``samples`` are items by offset - 1, ``batches`` what each id was answered."""

    recommender: Recommender

    def __init__(self):
        super().__init__()
        self.log = SampleLog(self.recommender)
        self.log.delete()
        self.recommender.segments.all().delete()
        self.recommender.archivedbatch_set.all().delete()
        log_module._archived_through.clear()
        self.samples, self.batches = [], {}

    @rule(rows=st.integers(1, 12))
    def append(self, rows):
        first = len(self.samples)
        batch = make_batch(rows, first=first)
        answer = self.log.append(batch, f"b{len(self.batches)}", NOW)
        assert (answer.first_offset, answer.last_offset) == (first + 1, first + rows)
        assert not answer.duplicate
        self.batches[f"b{len(self.batches)}"] = (batch, answer)
        self.samples += batch.column("item").to_pylist()

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def retry(self, data):
        batch_id = data.draw(st.sampled_from(sorted(self.batches)))
        batch, answer = self.batches[batch_id]
        again = self.log.append(batch, batch_id, OVERDUE)
        assert again.duplicate
        assert (again.first_offset, again.last_offset) == (answer.first_offset, answer.last_offset)

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def reuse_an_id(self, data):
        batch_id = data.draw(st.sampled_from(sorted(self.batches)))
        with pytest.raises(BatchConflict):
            self.log.append(make_batch(1, first=10**6), batch_id, NOW)

    @rule(now=st.sampled_from([NOW, OVERDUE]))
    def archive(self, now):
        self.log.archive(now)

    @rule(step=st.sampled_from([(log_module, "sweep"), (SampleStream, "trim")]))
    def archive_and_crash(self, step):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(*step, crash)
            try:
                self.log.archive(OVERDUE)
            except Crash:
                self.log = SampleLog(self.recommender)

    @rule()
    def another_process_takes_over(self):
        log_module._archived_through.clear()
        self.log = SampleLog(self.recommender)

    @rule(start=st.integers(1, 80), rows=st.integers(0, 80))
    def read(self, start, rows):
        assert self._read(start, start + rows) == self.samples[start - 1 : start + rows - 1]

    @invariant()
    def all_is_there_once(self):
        assert self._read(1, 10**9) == self.samples

    @invariant()
    def the_head_is_the_last_sample(self):
        newest = FIRST_EVENT_TIME + timedelta(seconds=len(self.samples) - 1)
        expected = Head(len(self.samples), newest, NOW) if self.samples else Head()
        assert self.log.head() == expected

    def _read(self, start, stop):
        batches = list(self.log.read(start, stop))
        offsets = [offset for batch in batches for offset in batch.column("offset").to_pylist()]
        assert offsets == list(range(start, start + len(offsets)))
        return [item for batch in batches for item in batch.column("item").to_pylist()]


@pytest.mark.django_db
def test_the_log_equals_a_plain_list(make_recommender, valkey, monkeypatch, settings):
    settings.SEGMENT_ROWS = 15
    monkeypatch.setattr(log_module, "ROWS_A_BATCH", 7)
    LogMachine.recommender = make_recommender()
    run_state_machine_as_test(
        LogMachine,
        settings=hypothesis.settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )
