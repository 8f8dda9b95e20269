"""An honest little learner, and others that each break one promise."""

import json
import math
from itertools import count

import numpy as np

from updates.learners.base import Learner, LearnReport, Sparsity, no_progress


class Counting(Learner):
    """The share of positives of each user, with one of each added."""

    name = "counting"
    components = ("counts",)
    sequential = True
    options = ()

    def __init__(self, schema, options=None):
        super().__init__(schema, options)
        self.counts = {}

    def fit(self, batches, progress=no_progress):
        self.counts = {}
        reports = [self.learn(batch, progress) for batch in batches]
        return LearnReport(
            sum(report.samples for report in reports),
            np.concatenate([report.predictions for report in reports]),
        )

    def learn(self, batch, progress=no_progress):
        predictions = np.empty(batch.num_rows)
        users, labels = batch["user"].to_pylist(), batch["label"].to_pylist()
        for i, (user, label) in enumerate(zip(users, labels, strict=True)):
            predictions[i] = self.share(user)
            positives, samples = self.counts.get(str(user), (0, 0))
            self.counts[str(user)] = (positives + int(label), samples + 1)
        progress("learning", batch.num_rows, batch.num_rows)
        return LearnReport(batch.num_rows, predictions)

    def share(self, user):
        positives, samples = self.counts.get(str(user), (0, 0))
        return (positives + 1) / (samples + 2)

    def predict(self, batch):
        return np.array([self.share(user) for user in batch["user"].to_pylist()], np.float64)

    def save(self, folder):
        (folder / "counts.json").write_text(json.dumps(self.counts))

    def load(self, folder):
        self.counts = json.loads((folder / "counts.json").read_text())

    def sparsity(self):
        size = len(self.counts)
        return Sparsity(size, size, size, 16 * size, 0.0)

    def is_finite(self):
        return True


class Numbered(Counting):
    numbers = count()

    def save(self, folder):
        super().save(folder)
        (folder / "number.txt").write_text(str(next(self.numbers)))


class Forgetful(Counting):
    def load(self, folder):
        super().load(folder)
        self.counts.popitem()


class ChangedBySaving(Counting):
    def save(self, folder):
        super().save(folder)
        self.counts["saved"] = (0, 0)


class ChangedByPredicting(Counting):
    def predict(self, batch):
        predictions = super().predict(batch)
        self.counts.update({user: (0, 1) for user in batch["user"].to_pylist() if user})
        return predictions


class RoundedServing(Counting):
    serving = False

    def load_serving(self, folder):
        self.load(folder)
        self.serving = True

    def predict(self, batch):
        predictions = super().predict(batch)
        return predictions.astype(np.float32).astype(np.float64) if self.serving else predictions


class LogOdds(Counting):
    def predict(self, batch):
        return np.array([math.log(p / (1 - p)) for p in super().predict(batch)], np.float64)


class NotANumber(Counting):
    def is_finite(self):
        return False


class Closed(Counting):
    def predict(self, batch):
        return np.array([self.counts[str(user)][0] for user in batch["user"].to_pylist()]) * 0.0


class NeedsText(Counting):
    def learn(self, batch, progress=no_progress):
        assert all(user.islower() for user in batch["user"].to_pylist())
        return super().learn(batch, progress)


class CountsBatches(Counting):
    def learn(self, batch, progress=no_progress):
        self.counts["batches"] = (0, self.counts.get("batches", (0, 0))[1] + 1)
        return super().learn(batch, progress)


class Hoarder(Counting):
    """Learns when it must."""

    def __init__(self, schema, options=None):
        super().__init__(schema, options)
        self.batches = []

    def learn(self, batch, progress=no_progress):
        self.batches.append(batch)
        return LearnReport(batch.num_rows, self.predict(batch))

    def save(self, folder):
        for batch in self.batches:
            super().learn(batch)
        super().save(folder)


class NeverForgets(Counting):
    def fit(self, batches, progress=no_progress):
        for batch in batches:
            report = self.learn(batch, progress)
        return report


class Miscounts(Counting):
    def learn(self, batch, progress=no_progress):
        report = super().learn(batch, progress)
        return LearnReport(report.samples + 1, report.predictions)


class CannotBeStopped(Counting):
    def learn(self, batch, progress=no_progress):
        return super().learn(batch)


class MoreThanSeen(Counting):
    def sparsity(self):
        return Sparsity(1, 1, 2, 32, 0.0)


class PredictsAfterwards(Counting):
    def learn(self, batch, progress=no_progress):
        report = super().learn(batch, progress)
        return LearnReport(report.samples, self.predict(batch))
