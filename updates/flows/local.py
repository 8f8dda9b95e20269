"""A local update: some components learn while others of the same model may learn elsewhere.

Each local update holds its own components only, so several train at once, beside online learning
too. One at a time promotes. Who comes second finds that what it began from is not live any more.
It has then not to be thrown away: the other components learn, in its own spaces, what others had
them learn meanwhile, so that nothing is lost and no component goes back. Where that would not come
to the same, as one of them was begun anew or its own components were changed, it is trained once
more, on what is live.
"""

from __future__ import annotations

from updates.flows import beside
from updates.flows.attempt import Attempt
from updates.flows.evaluate import Evaluation
from updates.flows.promote import BaseMoved
from updates.flows.publish import publish
from updates.flows.training import base_of, first_of_window, judge, newest_event_time, training_stop
from updates.models import ModelVersion, UpdatePolicy, UpdateRun
from updates.models.run import RunState
from updates.samples.log import SampleLog
from updates.strategies import full, local
from updates.strategies.base import Candidate

# Held by the one that promotes. No component has a space in its name.
LEASE = "local promotion"


def update(run: UpdateRun, attempt: Attempt) -> None:
    """See the run through. Raises Refused, NothingToLearn, Stopped and LeaseLost."""
    work = _Local(run, attempt)
    candidate, evaluation = work.train(run.recommender.live_version)
    live = run.recommender.live_version
    if evaluation.passed:
        live = work.take_turn()
        if not work.goes_on_from(live, candidate):
            candidate, evaluation = work.train(live)
    if evaluation.passed:
        work.catch_up(candidate, live)
    attempt.progress("publishing", 0, None)
    publish(run, candidate, evaluation, live, attempt)


class _Local:
    """One run of strategy local."""

    def __init__(self, run: UpdateRun, attempt: Attempt) -> None:
        self.run, self.attempt = run, attempt
        self.log = SampleLog(run.recommender)
        self.policy = run.policy or UpdatePolicy(recommender=run.recommender)
        self.learner = run.recommender.learner_class
        self.anew = local.begins_anew(self.learner, run.components, run.window_seconds)

    def train(self, live: ModelVersion | None) -> tuple[Candidate, Evaluation]:
        """A candidate from what is live, and how it does on samples that it has not learned."""
        run, progress = self.run, self.attempt.progress
        base = self._begin(live)
        start = first_of_window(self.log, run.window_seconds) if self.anew else None
        base.learning = self.learner.moved(self.learner.written(run.components))
        stop = training_stop(run, self.policy, self.log, base.position if start is None else start)
        candidate = local.train(
            self.log,
            base,
            run.components,
            # What others have learned cannot judge.
            stop=max(stop, base.next_offset),
            anew=self.anew,
            since=full.window_start(newest_event_time(self.log), run.window_seconds),
            progress=progress,
        )
        if run.state != RunState.EVALUATING:
            run.move(RunState.EVALUATING, as_attempt=self.attempt.number)
        progress("evaluating", 0, None)
        return candidate, self._judge(live, candidate)

    def _begin(self, live: ModelVersion | None) -> Candidate:
        if self._renews_all:
            return Candidate(self.run.recommender.new_learner())
        return base_of(self.run, live)

    @property
    def _renews_all(self) -> bool:
        return self.anew and self.learner.written(self.run.components) == self.learner.components

    def _judge(self, live: ModelVersion | None, candidate: Candidate) -> Evaluation:
        if online := beside.learned_online(self.run.recommender):
            # They follow the log with it, so that both models know the same of the samples.
            candidate.learning = self.learner.moved({*candidate.learning, *online})
            return beside.judge(live, candidate, self.log, self.policy, self.attempt)
        return judge(live, candidate, self.log, self.policy)

    def take_turn(self) -> ModelVersion | None:
        """Be the only one that promotes, and the only writer of what is learned online; returns
        what is live now."""
        recommender = self.run.recommender
        beside.take(self.run, self.attempt, [LEASE])
        if online := beside.learned_online(recommender) - set(self.attempt.fences):
            beside.take(self.run, self.attempt, online)
        recommender.refresh_from_db(fields=["live_version"])
        return recommender.live_version

    def goes_on_from(self, live: ModelVersion | None, candidate: Candidate) -> bool:
        """Whether what has become live since is what the candidate becomes by learning more.

        Raises BaseMoved where somebody has gone back behind its base.
        """
        base = self.run.base_version
        if base is None or base == live:
            return True
        if live is None or not live.comes_from(base):
            raise BaseMoved(
                f"It was built on version {base.number}, which is not what "
                f"{f'version {live.number}, live now,' if live else 'is live now'} comes from."
            )
        if live.learner_options != base.learner_options:
            return False
        own = set(self.learner.written(self.run.components))
        return all(
            name in candidate.renewed or base.component(name)[key] == live.component(name)[key]
            for name in self.learner.components
            for key in (("run", "next_offset", "begun_by") if name in own else ("begun_by",))
        )

    def catch_up(self, candidate: Candidate, live: ModelVersion | None) -> None:
        """Its own components, and those taken from online learning, learn all there is; the others
        what live has learned."""
        end = self.log.head().last_offset + 1
        self.attempt.progress("catching up", 0, end - candidate.position)
        stops = dict.fromkeys(candidate.learning, end)
        if live is not None:
            parts = live.parts(self.learner.moved())
            stops = {name: part.next_offset for name, part in parts.items()} | stops
        candidate.learn_to(self.log, stops, progress=self.attempt.progress)
