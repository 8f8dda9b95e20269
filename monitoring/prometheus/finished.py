"""Totals of runs that have ended, at a cost that does not grow with the number of runs."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, Q, QuerySet, Sum

from updates.models import RunTransition
from updates.models.run import FINISHED

# A run ends by one transition, whose transaction, and the cost that is written after it, are
# long through after this: what is older can be summed up for good.
SETTLED = timedelta(minutes=1)

# (Recommender's pk, state in which its runs ended).
Key = tuple[int, str]


class FinishedRuns:
    """Counts of runs and their CPU seconds since there are runs.

    The first call of a process reads all transitions, later ones those since. Nothing is kept
    elsewhere: every process comes to the same totals.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._through = 0
        self._runs: Counter[Key] = Counter()
        self._cpu_seconds: Counter[Key] = Counter()

    def totals(self, now: datetime) -> tuple[Counter[Key], Counter[Key]]:
        """Runs and CPU seconds by recommender and state: three queries."""
        old, young = Q(at__lt=now - SETTLED), Q(at__gte=now - SETTLED)
        with self._lock:
            since = RunTransition.objects.filter(pk__gt=self._through, to_state__in=FINISHED)
            bounds = since.aggregate(last=Max("pk", filter=old), first=Min("pk", filter=young))
            if last := bounds["last"]:
                through = min(last, (bounds["first"] or last + 1) - 1)
                _add(since.filter(pk__lte=through), self._runs, self._cpu_seconds)
                self._through = through
            runs, cpu_seconds = self._runs.copy(), self._cpu_seconds.copy()
            _add(since.filter(pk__gt=self._through), runs, cpu_seconds)
        return runs, cpu_seconds


def _add(
    transitions: QuerySet[RunTransition], runs: Counter[Key], cpu_seconds: Counter[Key]
) -> None:
    rows = transitions.order_by().values_list("run__recommender_id", "to_state")
    for pk, state, count, cpu in rows.annotate(Count("pk"), Sum("run__cpu_seconds")):
        runs[pk, state] += count
        cpu_seconds[pk, state] += cpu
