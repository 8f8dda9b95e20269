"""Recommenders with the same history, of which one never saw some of the samples."""

import itertools

from tests.updates.flows.conftest import learnable_rows
from tests.updates.flows.online import make_policy, see_through
from updates.flows.append_samples import append_samples
from updates.flows.execute import execute
from updates.flows.trigger import trigger
from updates.models import Quarantine, UpdatePolicy, UpdateRun
from updates.models.run import REBUILD
from updates.samples.log import SampleLog
from updates.store import artifacts

_numbers = itertools.count()
OPEN_GATE = {"max_ne_increase": 100.0, "min_calibration": 0.0, "max_calibration": 1e9}


class World:
    """One recommender; ``unseen`` : ranges that are quarantined before there is a sample."""

    def __init__(self, make_recommender, make_batch, unseen=(), **about):
        about.setdefault("learner_options", {"alpha": 0.5})
        self.recommender = make_recommender(f"world-{next(_numbers)}", **about)
        self.make_batch = make_batch
        if unseen:
            Quarantine.objects.create(
                recommender=self.recommender, selection={}, ranges=unseen, reason="never seen"
            )
        self.policies = {}

    def live(self):
        """The version that is live now."""
        self.recommender.refresh_from_db()
        return self.recommender.live_version

    def append(self, count):
        first = SampleLog(self.recommender).head().last_offset
        batch = self.make_batch(learnable_rows(count, first))
        return append_samples(self.recommender, batch, batch_id=f"rows-{first}")

    def update(self, strategy, **fields):
        """One update under a policy whose gate stands open."""
        self.recommender.refresh_from_db()
        key = (strategy, *fields.get("components", []))
        if key not in self.policies:
            about = {"name": "-".join(key), "strategy": strategy, "enabled": False} | OPEN_GATE
            if strategy == "incremental":
                fields["replay_fraction"] = 0.5
            self.policies[key] = UpdatePolicy.objects.create(
                recommender=self.recommender, **about | fields
            )
        run = trigger(self.recommender, policy=self.policies[key])
        execute(run.pk, "test")
        run.refresh_from_db()
        return run

    def follow(self, version):
        """An online session of all there is; it becomes a version, or leaves a checkpoint.

        Its clock must hurry (``online.hurry``).
        """
        if "online" not in self.policies:
            self.policies["online"] = make_policy(self.recommender, **OPEN_GATE)
        policy, looks = self.policies["online"], itertools.count()
        policy.version_every_minutes = 0.05 if version else 1_440
        policy.save()
        run = see_through(policy, lambda: next(looks) > (20 if version else 2))
        if run.state == "queued":
            run.move("cancelled", why="another session follows")
        return run

    def do(self, *steps):
        """Each a number of samples to append, or the name of an update."""
        for step in steps:
            if isinstance(step, int):
                self.append(step)
            elif step == "session":
                self.follow(version=False)
            else:
                run = self._updated(step)
                assert run.state == "promoted", run.error
        return self

    def _updated(self, how):
        if how == "online":
            return self.follow(version=True)
        strategy, _, component = how.partition(":")
        return self.update(strategy, **({"components": [component]} if component else {}))

    def rebuilt(self):
        """A worker takes the rebuild that is queued; the version live after it."""
        run = UpdateRun.objects.filter(recommender=self.recommender, strategy=REBUILD).first()
        assert execute(run.pk, "test"), run
        run.refresh_from_db()
        assert run.state == "promoted", run.error
        return self.live()

    def forget_files(self):
        """The files of every version but the live one are pruned."""
        live = self.live()
        for version in self.recommender.versions.exclude(digest=live.digest):
            version.pruned_at = version.created_at
            version.save(update_fields=["pruned_at"])
            artifacts().prune(version.digest)
