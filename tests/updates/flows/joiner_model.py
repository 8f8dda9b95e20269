"""What the joiner must do, in plain Python: seconds, dictionaries and lists."""

from collections import Counter
from dataclasses import dataclass, field

TOLERATED = 1  # seconds that a clock may be ahead uncounted


@dataclass
class Shown:
    """An impression: what was shown, when by the client's clock, and in which batch."""

    name: str
    content: str
    event: int
    batch: "Batch"
    label: str = ""  # "1" in time, "+" after its fake negative, "l" late


@dataclass
class Batch:
    arrival: int
    rows: list[Shown] = field(default_factory=list)
    mode: str = ""  # "w" or "+", once it is closed


@dataclass
class JoinerModel:
    """``samples`` : (name, label) of the batches in order. ``positives`` : those that followed."""

    window: int
    horizon: int
    early_seconds: int
    known: dict[str, Shown] = field(default_factory=dict)
    early: dict[str, tuple[str, int]] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)
    owed: list[Shown] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)
    arrived: int = 0
    samples: list[tuple[str, int]] = field(default_factory=list)
    positives: list[str] = field(default_factory=list)

    def show(self, rows, now):
        """(name, content, event) of one request."""
        batch = Batch(max(self.arrived, now))
        for name, content, event in rows:
            self.counts["skewed"] += event > now + TOLERATED
            before = self.known.get(name)
            if before is None:
                self.known[name] = Shown(name, content, event, batch)
                batch.rows.append(self.known[name])
                self._meet_early(self.known[name])
            elif (before.content, before.event) == (content, event):
                self.counts["duplicate_impressions"] += 1
            else:
                self.counts["refused_impressions"] += 1
        if batch.rows:
            self.arrived = batch.arrival
            self.batches.append(batch)
            self.counts["impressions"] += len(batch.rows)
            self.counts["pending"] += len(batch.rows)

    def _meet_early(self, shown):
        if shown.name in self.early:
            label, _ = self.early.pop(shown.name)
            self.counts["early"] += 1
            shown.label = "1" if label == "1" else ""
            self.counts["confirmed_negatives"] += label == "0"

    def hear(self, rows, now):
        """(name, label, event) of one request."""
        arrived = max(self.arrived, now)
        for name, label, event in rows:
            shown = self.known.get(name)
            ahead = event > arrived + TOLERATED
            if shown is None:
                self._keep_early(name, label, arrived)
            else:
                ahead = ahead or event + TOLERATED < shown.event
                self._label(shown, label)
            self.counts["skewed"] += ahead
        self.counts["feedback"] += len(rows)

    def _keep_early(self, name, label, arrived):
        if name in self.early and self.early[name][0] >= label:
            self.counts["duplicate_feedback"] += 1
        else:
            self.early[name] = label, self.early.get(name, (label, arrived))[1]

    def _label(self, shown, label):
        if label == "0":
            self.counts["confirmed_negatives"] += 1
        elif shown.label:
            self.counts["duplicate_feedback"] += 1
        else:
            shown.label = {"": "1", "+": "+", "w": "l"}[shown.batch.mode]
            self.counts["late"] += shown.label == "l"
            if shown.label == "+":
                self.owed.append(shown)

    def close(self, now, *, fake_negatives):
        """What is due changes no more, whoever appends it."""
        for batch in [batch for batch in self.batches if not batch.mode]:
            if batch.arrival + (0 if fake_negatives else self.window) > now:
                break
            batch.mode = "+" if fake_negatives else "w"
            for shown in batch.rows:
                positive = shown.label == "1"
                if positive and fake_negatives:
                    shown.label = "+"
                    self.owed.append(shown)
                label = int(positive and not fake_negatives)
                self.samples.append((shown.name, label))
                self.counts["joined_positives" if label else "joined_negatives"] += 1
            self.counts["pending"] -= len(batch.rows)

    def join(self, now, *, fake_negatives):
        """Append and forget."""
        self.close(now, fake_negatives=fake_negatives)
        self.positives += [shown.name for shown in self.owed]
        self.counts["joined_positives"] += len(self.owed)
        self.owed.clear()
        while self.batches and self.batches[0].mode and self._is_old(self.batches[0], now):
            for shown in self.batches.pop(0).rows:
                del self.known[shown.name]
        for name, (_, arrived) in list(self.early.items()):
            if arrived < now - self.early_seconds:
                del self.early[name]
                self.counts["unknown"] += 1

    def _is_old(self, batch, now):
        return batch.arrival < now - self.horizon
