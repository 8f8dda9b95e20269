"""Impressions and feedback as tests send them: by seconds after the begin of time."""

from datetime import timedelta
from itertools import count

from tests.conftest import FIRST_EVENT_TIME as BEGIN
from updates.flows.join import join
from updates.flows.take_feedback import take_feedback
from updates.flows.take_impressions import take_impressions
from updates.joiners import joiner_of
from updates.samples.forms import FEEDBACK, IMPRESSIONS
from updates.samples.log import SampleLog
from updates.samples.parse import parse_rows

WAIT, WEIGHTED, CALIBRATED = "wait", "fake_negative_weighted", "fake_negative_calibration"


def at(seconds):
    """The time so many seconds after the begin."""
    return BEGIN + timedelta(seconds=seconds)


class Joining:
    """A recommender's joiner whose clock the test sets: ``now`` is in seconds."""

    def __init__(self, recommender):
        self.recommender = recommender
        self.now = 0.0
        self._batches = count()

    def impression(self, name, shown=None, **features):
        """A row of an impression, shown now unless said otherwise."""
        time = at(self.now if shown is None else shown)
        return {"impression": name, "event_time": time.isoformat(), "item": name} | features

    def show(self, *impressions, batch_id=None):
        """Send impressions, by name or as rows."""
        rows = [i if isinstance(i, dict) else self.impression(i) for i in impressions]
        return self._send(take_impressions, IMPRESSIONS, rows, batch_id)

    def click(self, *names, label=1, happened=None, batch_id=None):
        """Send feedback that happened now unless said otherwise."""
        time = at(self.now if happened is None else happened).isoformat()
        rows = [{"impression": name, "event_time": time, "label": label} for name in names]
        return self._send(take_feedback, FEEDBACK, rows, batch_id)

    def hear(self, rows, batch_id):
        """Send feedback of (name, label, seconds at which it happened)."""
        rows = [
            {"impression": name, "event_time": at(seconds).isoformat(), "label": int(label)}
            for name, label, seconds in rows
        ]
        return self._send(take_feedback, FEEDBACK, rows, batch_id)

    def _send(self, take, form, rows, batch_id):
        now = at(self.now)
        parsed = parse_rows(self.recommender.sample_schema, rows, now, form)
        assert not parsed.errors
        batch_id = batch_id or f"b{next(self._batches)}"
        return take(self.recommender, parsed.batch, batch_id=batch_id, arrived_at=now)

    def join(self):
        """Let the closer work."""
        return join(self.recommender, at(self.now))

    def later(self, seconds):
        """Let time pass and the closer work."""
        self.now += seconds
        self.join()

    @property
    def samples(self):
        """What the log holds: (item, label), in order."""
        stored = SampleLog(self.recommender).read(1, 10**9)
        rows = [row for batch in stored for row in batch.to_pylist()]
        return [(row["item"], int(row["label"])) for row in rows]

    @property
    def rows(self):
        """What the log holds, whole rows."""
        return [row for b in SampleLog(self.recommender).read(1, 10**9) for row in b.to_pylist()]

    @property
    def status(self):
        """What the joiner says of itself."""
        return joiner_of(self.recommender).status(self._now_ms)

    @property
    def counts(self):
        """Its counters."""
        return self.status.counts

    @property
    def _now_ms(self):
        return int(at(self.now).timestamp() * 1000)
