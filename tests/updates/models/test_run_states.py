"""A run's life: only the moves of the table, each with its transition row, no way back."""

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from updates.models import Recommender, UpdateRun
from updates.models.append_only import AppendOnlyError
from updates.models.run import FINISHED, IllegalRunMove, RunState

# Written out here once more: the table of the module is what is tested.
LEGAL = {
    "queued": {"running", "cancelled", "failed"},
    "running": {"queued", "evaluating", "rejected", "failed", "cancelled"},
    "evaluating": {"queued", "canary", "promoted", "rejected", "failed", "cancelled"},
    "canary": {"promoted", "rejected", "cancelled"},
}
STATES = st.sampled_from(RunState)
WAYS = {
    "queued": [],
    "running": ["running"],
    "evaluating": ["running", "evaluating"],
    "canary": ["running", "evaluating", "canary"],
    "promoted": ["running", "evaluating", "promoted"],
    "rejected": ["running", "evaluating", "rejected"],
    "failed": ["failed"],
    "cancelled": ["cancelled"],
}


class Life(RuleBasedStateMachine):
    """A run beside a plain record of what it should be."""

    def __init__(self):
        super().__init__()
        recommender = Recommender.objects.get()
        self.run = UpdateRun.objects.create(
            recommender=recommender, strategy="full", components=["weights"]
        )
        self.state, self.attempt, self.trail = "queued", 0, []

    @rule(to=STATES, behind=st.sampled_from([None, 0, 1]))
    def move(self, to, behind):
        """By anyone (None), by the present attempt (0), or by one given up for dead (1)."""
        as_attempt = None if behind is None else self.attempt - behind
        legal = to in LEGAL.get(self.state, ()) and behind != 1
        self._try(legal, to, lambda: self.run.move(to, as_attempt=as_attempt))

    @precondition(lambda self: self.state in LEGAL)
    @rule(data=st.data())
    def go_on(self, data):
        """A legal move: the far ends of a life would be rare by chance alone."""
        to = data.draw(st.sampled_from(sorted(LEGAL[self.state])))
        self._try(True, to, lambda: self.run.move(RunState(to), as_attempt=self.attempt))

    @rule()
    def claim(self):
        taken = self._try(
            self.state == "queued",
            "running",
            lambda: self.run.claim("worker", {"weights": 1}, timezone.now()),
        )
        self.attempt += taken

    @rule(behind=st.sampled_from([0, 1]))
    def note(self, behind):
        """Progress is stored for the attempt at work, and for nobody else."""
        at_work = self.state in ("running", "evaluating") and behind == 0
        assert self.run.note(self.attempt - behind, progress_done=1) == at_work

    def _try(self, legal, to, move):
        try:
            move()
        except IllegalRunMove as refusal:
            assert not legal
            assert f"is {self.state} (attempt {self.attempt})" in str(refusal)
            return False
        assert legal
        self.trail.append((self.state, str(to)))
        self.state = str(to)
        return True

    @invariant()
    def it_is_as_recorded(self):
        stored = UpdateRun.objects.get(pk=self.run.pk)
        assert (stored.state, stored.attempt) == (self.state, self.attempt)
        assert stored.finished == (self.state not in LEGAL)
        assert (stored.finished_at is not None) == stored.finished

    @invariant()
    def each_move_left_one_row(self):
        rows = self.run.transitions.values_list("from_state", "to_state")
        assert list(rows) == self.trail


def test_only_the_moves_of_the_table_are_made_and_each_leaves_one_row(make_recommender):
    make_recommender()
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=100,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


@pytest.fixture
def run(make_recommender):
    return UpdateRun.objects.create(
        recommender=make_recommender(), strategy="full", components=["weights"]
    )


@pytest.mark.parametrize("to", RunState.values)
@pytest.mark.parametrize("state", RunState.values)
def test_each_pair_of_states_is_a_move_only_if_the_table_has_it(run, state, to):
    for step in WAYS[state]:
        run.move(RunState(step))
    if to in LEGAL.get(state, ()):
        run.move(RunState(to))
        assert run.state == to
    else:
        with pytest.raises(IllegalRunMove, match=f"is {state} .*cannot become {to}"):
            run.move(RunState(to))


def test_a_run_that_ended_says_why_and_when(run, operator):
    run.move(RunState.CANCELLED, why="a mistake", by=operator)
    assert (run.error, run.transitions.get().by) == ("a mistake", operator)
    assert run.finished_at is not None


def test_a_worker_given_up_for_dead_can_no_longer_move_it(run):
    first = run.claim("worker-1", {}, timezone.now())
    run.move(RunState.QUEUED, why="worker-1 stopped answering")
    run.claim("worker-2", {}, timezone.now())
    with pytest.raises(IllegalRunMove, match=r"is running \(attempt 2\)"):
        run.move(RunState.EVALUATING, as_attempt=first)
    assert not run.note(first, progress_done=7)


def test_a_refused_move_changes_nothing_at_all(run):
    before = UpdateRun.objects.values().get()
    with pytest.raises(IllegalRunMove):
        run.move(RunState.PROMOTED, why="skipping ahead", samples=9)
    assert UpdateRun.objects.values().get() == before
    assert not run.transitions.exists()


def test_a_transition_is_history_and_cannot_be_changed(run):
    run.move(RunState.CANCELLED, why="a mistake")
    row = run.transitions.get()
    row.why = "no reason"
    with pytest.raises(AppendOnlyError, match="are history: add a new one"):
        row.save()
    with pytest.raises(AppendOnlyError, match="are history: add a new one"):
        run.transitions.update(why="no reason")


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases go by their statistics")
def test_active_runs_are_found_without_reading_all_there_ever_were(db):
    assert "runs_active" in UpdateRun.objects.active().explain()


def test_active_runs_are_those_that_have_not_ended(make_recommender):
    about = {"recommender": make_recommender(), "strategy": "full", "components": ["weights"]}
    states = {str(UpdateRun.objects.create(**about, state=state).state) for state in RunState}
    assert {str(run.state) for run in UpdateRun.objects.active()} == states - set(FINISHED)
