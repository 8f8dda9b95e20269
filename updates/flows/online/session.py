"""An online session: learn what arrives, send what changed, keep it, and make it a version.

1. It stands where online learning stood: see ``position``.
2. It learns the samples that follow, each predicted before it is learned.
3. Every ``sync_interval_ms`` the weights that changed go to serving, every ``checkpoint_seconds``
   the whole state goes to disk beside learning, together with the offset that it has learned.
4. After ``version_every_minutes`` what it has learned goes through the gate and becomes a version,
   and with that the session ends; the next one goes on where it stood.

It ends before that, without a version, when it must make way; nothing that was learned is lost.

While a guardrail is broken (``guard``) it goes on learning aside: it sends nothing, and makes no
version (``freezing``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress

from updates import signals
from updates.artifacts import CorruptArtifact
from updates.flows.attempt import Attempt
from updates.flows.evaluate import evaluate_judged
from updates.flows.online import checkpoints, position
from updates.flows.online.freezing import freeze, line_after, thaw_by_itself
from updates.flows.online.guard import LOOK_SECONDS, Guard
from updates.flows.online.publisher import Publisher
from updates.flows.publish import publish
from updates.models import (
    ComponentLease,
    ModelVersion,
    PublishingFreeze,
    Recommender,
    UpdatePolicy,
    UpdateRun,
)
from updates.models.freeze import NotFrozen
from updates.models.policy import Strategy
from updates.models.run import RunState
from updates.models.version import VersionState
from updates.samples.durable import LogUnavailable
from updates.samples.log import SampleLog

logger = logging.getLogger(__name__)

# Samples learned between two looks at the clock: some 20 ms of learning.
ROWS_A_STEP = 20_000
ASK_SECONDS = 1.0
# Valkey is down: the session stays, and looks again so often.
RETRY_SECONDS = 0.5
FROZEN_PHASE = "publishing frozen"


def never() -> bool:
    """The worker is not about to stop."""
    return False


def yields_to(run: UpdateRun) -> UpdateRun | None:
    """The update of the same components that an online session makes way for, if any.

    A full one works beside it until it has a version ready; others build on the live version.
    """
    waiting = UpdateRun.objects.filter(
        recommender_id=run.recommender_id, state=RunState.QUEUED
    ).exclude(strategy__in=[Strategy.ONLINE, Strategy.FULL])
    return ComponentLease.wanter(run) or next(
        (other for other in waiting if set(other.components) & set(run.components)), None
    )


class Session:
    """One run of strategy online, from its lease to its end."""

    def __init__(self, run: UpdateRun, attempt: Attempt, stopping: Callable[[], bool]) -> None:
        self.run, self.attempt, self.stopping = run, attempt, stopping
        self.recommender = run.recommender
        self.policy = run.policy or UpdatePolicy(
            recommender=run.recommender, strategy=Strategy.ONLINE
        )
        self.log = SampleLog(self.recommender)
        # Grows by their number from one session to the next, and by more where somebody held a
        # component in between.
        self.fence = ComponentLease.changes_of_hands(self.recommender)
        self.standing = position.stand(
            self.recommender,
            run.components,
            sent_by=self.fence - len(run.fences),
            keep=self.policy.holdout_samples,
        )
        self.standing.fence = self.fence
        self._based_on(self.standing.base)
        self.frozen = PublishingFreeze.open_of(self.recommender)
        self.publisher = Publisher(
            self.recommender, self.policy, self.standing, withheld=self.frozen is not None
        )
        self.guard = self._new_guard()
        self._resumes = False
        self._next_guard = time.monotonic() + LOOK_SECONDS
        self._next_look = 0.0
        self._began = self._checkpointed = time.monotonic()
        self.saver = checkpoints.Saver(run, attempt)

    def see_through(self) -> None:
        """Learn until there is a version, or something to make way for.

        Raises Stopped, LeaseLost and Fenced, and what reading the log does; what was learned by
        then is in the newest checkpoint or, after that, in the log.
        """
        self._patiently(self.publisher.begin)
        with self.saver:
            while True:
                learned = self._patiently(self._step)
                if why := self._must_end():
                    self._make_way(*why)
                    return
                if learned and self._version_is_due() and not self.publisher.withheld:
                    self._become_version()
                    return

    def _patiently(self, work: Callable[[], bool | None]) -> bool:
        """Do it; while Valkey is away, wait for it and hold on to the lease."""
        while True:
            try:
                return bool(work())
            except LogUnavailable as error:
                self.attempt.progress("waiting for Valkey", self.standing.learned, None)
                logger.warning("run %s: %s", self.run.pk, error)
                if self.stopping():
                    return False
                time.sleep(RETRY_SECONDS)

    def _step(self) -> bool:
        """Learn what there is; whether anything has been learned since the base."""
        if self._resumes:
            self._resume()
        candidate = self.standing.learning.candidate
        phase = FROZEN_PHASE if self.frozen else "learning"
        self.attempt.progress(phase, candidate.next_offset - 1, None)
        stretch = self.log.follow(candidate.next_offset, ROWS_A_STEP, self.publisher.wait_ms())
        if stretch is not None:
            self.publisher.count(self.standing.learning.learn(stretch))
        now = time.monotonic()
        if now >= self._next_guard:
            self._next_guard = now + LOOK_SECONDS
            self._look()
        self.publisher.sync_if_due()
        self._checkpoint(now)
        return candidate.samples > 0

    def _send_the_rest(self) -> None:
        """So that who follows goes on from there; while Valkey is away the version has it."""
        with suppress(LogUnavailable):
            self.publisher.sync()

    def _checkpoint(self, now: float) -> None:
        """See to the one under way; begin another when it is time."""
        if self.saver.busy:
            return
        if trimmed_through := self.saver.end():
            self.publisher.trim(trimmed_through)
        if now - self._checkpointed >= self.policy.checkpoint_seconds:
            self.saver.begin(self.standing)
            self._checkpointed = now
            self._report()

    def _checkpoint_now(self) -> None:
        """The last one: nothing is learned after it."""
        self.saver.end()
        candidate = self.standing.learning.candidate
        checkpoints.write(self.run, self.attempt.fences, self.standing, candidate)

    def _look(self) -> None:
        """Hold the running model against the guardrails; freeze or thaw by what they say."""
        if self.frozen and not self.frozen.lasts():
            self._thawed(self.frozen)
        if self.guard is None:
            return
        learning = self.standing.learning
        try:
            looked = self.guard.look(learning.candidate, learning.judged())
        except CorruptArtifact as error:
            logger.warning("run %s is not guarded: %s", self.run.pk, error)
            return
        if self.frozen is None:
            if self.guard.why:
                self._freeze(self.guard)
            return
        if looked:
            self.frozen.note(self.guard.held_looks)
        if self.guard.holds_again:
            with suppress(NotFrozen):
                thaw_by_itself(self.frozen, self.guard)
            self._thawed(self.frozen)

    def _freeze(self, guard: Guard) -> None:
        self.frozen = freeze(self.run, self.attempt.fences, guard, self.standing)
        self.publisher.withhold()
        logger.warning("run %s: publishing is frozen: %s", self.run.pk, self.frozen.reason)

    def _thawed(self, frozen: PublishingFreeze) -> None:
        """What is learned goes to serving again, with the next step; not if something else was
        made live: the session ends for that."""
        line = line_after(frozen)
        if line is None:
            return
        self.saver.end()
        self.standing.epoch = line
        self.frozen, self._resumes = None, True
        self.guard = self._new_guard()

    def _resume(self) -> None:
        """All that was learned aside to serving, by a checkpoint of the line that is served."""
        self._checkpoint_now()
        self.publisher.go_on()
        self._resumes = False

    def _new_guard(self) -> Guard | None:
        """None where there is nothing to hold the model against, or where somebody has said that
        it is published all the same."""
        base = self.standing.base
        if base is None or PublishingFreeze.is_overruled(base):
            return None
        return Guard(self.policy, base, self.standing.learned)

    def _report(self) -> None:
        """Tell how good the predictions were that were served, once there are enough to tell."""
        learning = self.standing.learning
        if (quality := learning.window.quality()).judgeable:
            learning.take_window()
            if self.publisher.withheld:
                return
            signals.learned.send(UpdateRun, run=self.run, quality=quality, newest=learning.judged())

    def _version_is_due(self) -> bool:
        return time.monotonic() - self._began >= self.policy.version_every_minutes * 60

    def _must_end(self) -> tuple[RunState, str] | None:
        """Whether to end before there is a version: the state to leave the run in, and why."""
        if self.stopping():
            return RunState.QUEUED, "its worker was stopped; queued again"
        if time.monotonic() < self._next_look:
            return None
        self._next_look = time.monotonic() + ASK_SECONDS
        if waiting := yields_to(self.run):
            return RunState.QUEUED, f"makes way for run {waiting.pk}; queued again"
        if self.policy.pk is not None and not self._policy_wants_more():
            return RunState.CANCELLED, "its policy was paused, is held or was deleted"
        if why := self._outdated():
            return RunState.QUEUED, f"{why}; queued again"
        return None

    def _outdated(self) -> str:
        """What has changed since the session began, which a session of its own must heed."""
        # Ours is as it was when the session began, and so is the schema that the log is read with.
        present = Recommender.objects.get(pk=self.recommender.pk)
        base = self.standing.base
        if present.live_version_id != (base.pk if base else None):
            return "another version was made live"
        if not position.is_as_configured(self.standing.learning.candidate.learner, present):
            return "what the recommender learns with has changed"
        return ""

    def _policy_wants_more(self) -> bool:
        """Look at the policy again: its intervals count from now on."""
        try:
            self.policy.refresh_from_db()
        except UpdatePolicy.DoesNotExist:
            return False
        return self.policy.active

    def _make_way(self, state: RunState, why: str) -> None:
        self._send_the_rest()
        self._checkpoint_now()
        self.run.move(state, why=why, as_attempt=self.attempt.number)
        self._leave()

    def _become_version(self) -> None:
        """Through the gate: the newest predictions, made before learning, against the base's."""
        learning = self.standing.learning
        self._send_the_rest()
        self.saver.end()
        self.run.move(RunState.EVALUATING, as_attempt=self.attempt.number)
        self.attempt.progress("evaluating", self.standing.learned, None)
        evaluation = evaluate_judged(
            self.standing.base, learning.candidate, learning.judged(), self.policy
        )
        self.attempt.progress("publishing", self.standing.learned, None)
        version = publish(
            self.run, learning.candidate, evaluation, self.standing.base, self.attempt
        )
        self._report()
        if version.state == VersionState.LIVE:
            learning.begin_next(version.digest)
            self.standing.base = version
            self.standing.epoch = position.epoch_of(self.recommender)
        else:
            self._checkpoint_now()
        self._leave()

    def _leave(self) -> None:
        # The learner no longer remembers what is in an unsent delta: the checkpoint does.
        if self.publisher.unsent is None:
            position.leave(self.recommender, self.standing)

    def _based_on(self, base: ModelVersion | None) -> None:
        UpdateRun.objects.filter(pk=self.run.pk).update(base_version=base)
        self.run.base_version = base
