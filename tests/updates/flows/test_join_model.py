"""Impressions, feedback, repeats, skewed clocks, crashes in any order join as in plain Python."""

from collections import Counter

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.updates.flows.joiner_model import JoinerModel
from tests.updates.flows.joining import WAIT, WEIGHTED, Joining
from updates.flows import join as join_flow
from updates.joiners import joiner_of
from updates.models import Recommender
from updates.samples.log import SampleLog

WINDOW, HORIZON, EARLY = 10, 40, 15
names = st.sampled_from("abcdefgh")
offsets = st.sampled_from([0, 0, 0, -5, -60, 1, 2, 30])
impressions = st.lists(st.tuples(names, st.sampled_from(["phone", "tv"]), offsets), min_size=1)
feedback = st.lists(st.tuples(names, st.sampled_from("1110"), offsets), min_size=1)


class Crash(Exception):
    """The closer ends here."""


def crash(*args, **kwargs):
    raise Crash


def append_and_crash(*args, **kwargs):
    appended(*args, **kwargs)
    raise Crash


appended = join_flow.append_samples
DEATHS = [
    (join_flow, "append_samples", crash),
    (join_flow, "append_samples", append_and_crash),
    (join_flow.Joiner, "finish_group", crash),
    (join_flow.Joiner, "sweep", crash),
]


class JoinerMachine(RuleBasedStateMachine):
    """Each request and each step goes to the joiner and to its model alike."""

    recommender: Recommender

    def __init__(self):
        super().__init__()
        self.recommender.delayed_feedback = WAIT
        SampleLog(self.recommender).delete()
        joiner_of(self.recommender).delete()
        self.joining = Joining(self.recommender)
        self.model = JoinerModel(WINDOW, HORIZON, EARLY)
        self.again = []

    @rule(rows=impressions)
    def show(self, rows):
        now, number = int(self.joining.now), len(self.again)
        rows = [(name, content, now + offset) for name, content, offset in rows]
        self.model.show(rows, now)
        sent = [self.joining.impression(n, shown=event, device=c) for n, c, event in rows]
        self._send(lambda: self.joining.show(*sent, batch_id=f"i{number}").duplicate)

    @rule(rows=feedback)
    def hear(self, rows):
        now, number = int(self.joining.now), len(self.again)
        rows = [(name, label, now + offset) for name, label, offset in rows]
        self.model.hear(rows, now)
        self._send(lambda: self.joining.hear(rows, batch_id=f"f{number}"))

    def _send(self, send):
        assert not send()
        self.again.append((self.joining.now, send))

    @precondition(lambda self: self.again)
    @rule(data=st.data())
    def a_request_comes_again(self, data):
        sent_at, send = data.draw(st.sampled_from(self.again[-3:]))
        if self.joining.now - sent_at < HORIZON:
            assert send()

    @rule(seconds=st.sampled_from([0, 1, 5, 11, 30]))
    def time_passes_and_samples_are_joined(self, seconds):
        self.joining.later(seconds)
        self.model.join(int(self.joining.now), fake_negatives=self.recommender.fake_negatives)
        self._equals()

    @rule(seconds=st.sampled_from([1, 11]), death=st.sampled_from(DEATHS))
    def the_closer_dies(self, seconds, death):
        self.joining.now += seconds
        now, fakes = int(self.joining.now), self.recommender.fake_negatives
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(*death)
            try:
                self.joining.join()
            except Crash:
                self.model.close(now, fake_negatives=fakes)
            else:
                self.model.join(now, fake_negatives=fakes)

    @rule(seconds=st.sampled_from([1, 20]))
    def a_servers_clock_is_behind(self, seconds):
        self.joining.now = max(0, self.joining.now - seconds)

    @rule(policy=st.sampled_from([WAIT, WEIGHTED]))
    def the_policy_changes(self, policy):
        self.recommender.delayed_feedback = policy

    def _equals(self):
        counts = self.joining.counts
        assert counts == {name: self.model.counts[name] for name in counts}
        assert counts["impressions"] == counts["pending"] + len(self.model.samples)
        status = self.joining.status
        assert status.remembered == len(self.model.known)
        assert status.early_waiting == len(self.model.early)
        expected = Counter(self.model.samples) + Counter((n, 1) for n in self.model.positives)
        assert Counter(self.joining.samples) == expected

    def teardown(self):
        self.time_passes_and_samples_are_joined(30)


@pytest.mark.django_db
def test_the_joiner_equals_its_model(make_recommender, valkey):
    JoinerMachine.recommender = make_recommender(
        join_window_seconds=WINDOW,
        feedback_horizon_seconds=HORIZON,
        early_feedback_seconds=EARLY,
    )
    run_state_machine_as_test(
        JoinerMachine,
        settings=hypothesis.settings(
            max_examples=60,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )
