"""The process that fills a series store and measures it for ``series``; prints JSON."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from unittest import mock

import django
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = 86_400
SPANS = {
    "1 h": timedelta(hours=1),
    "2 d": timedelta(days=2),
    "30 d": timedelta(days=30),
    "1 y": timedelta(days=365),
}
# Table, width and length of a full series, and how much of it is inserted at a time.
FULL = (
    ("monitoring_tensecondpoint", 10, 2 * DAY, 3600),
    ("monitoring_minutepoint", 60, 30 * DAY, DAY),
    ("monitoring_hourpoint", 3600, 365 * DAY, 30 * DAY),
)
POINTS_OF_FULL = sum(length // width for _, width, length, _ in FULL)
RECORDED = ("age_seconds", "lag_seconds", "backlog_samples", "ne")
MINUTES = 5
MINUTE = timedelta(minutes=1)


def main(points: int, recommenders: int, reads: int) -> dict[str, Any]:
    """Fill, then read, write, roll up and delete."""
    full = max(1, points // POINTS_OF_FULL)
    fill_seconds = _timed(lambda: fill(recommenders, full))
    return {
        "vendor": connection.vendor,
        "full": full,
        "points": count(),
        "fill_seconds": fill_seconds,
        "size": _sizes(),
        "reads": {name: _read(span, full, reads) for name, span in SPANS.items()},
        "work": _work(recommenders),
        "plans": _plans(),
    }


def fill(recommenders: int, full: int) -> None:
    from monitoring.models import Retention, Series
    from updates.models import Recommender

    Recommender.objects.bulk_create(
        Recommender(slug=f"r{i}", name=f"R {i}", schema={}) for i in range(recommenders)
    )
    owners = list(Recommender.objects.order_by("pk").values_list("pk", flat=True))
    series = [Series(recommender_id=pk, name=name) for name in RECORDED for pk in owners]
    Series.objects.bulk_create(series)
    now, first = int(NOW.timestamp()), f"ORDER BY id LIMIT {full}"
    _fill_fast(True)
    for table, width, length, step in FULL:
        for start in range(now - length, now, step):
            _insert(table, width, range(start, min(start + step, now)), first)
        if length < 365 * DAY:
            Retention.objects.create(seconds=width, kept_from=now - length, cleared_to=now - length)
    _fill_fast(False)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def _fill_fast(fast: bool) -> None:
    """Or as in use: what is measured is measured then."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA cache_size = {-1_000_000 if fast else -2_000}")
            cursor.execute(f"PRAGMA synchronous = {'OFF' if fast else 'FULL'}")


def fill_hour(name: str) -> None:
    """The last hour as recorded of every series of that name that has none yet."""
    table, width, *_ = FULL[0]
    now = int(NOW.timestamp())
    _insert(table, width, range(now - 3600, now), f"WHERE name = '{name}'")


def _insert(table: str, width: int, span: range, of: str) -> None:
    """As they would have come: all series at a time, then those of the next time."""
    rolled = width > 10
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (series_id, t, value{', count' if rolled else ''}) "
            "WITH RECURSIVE cell(t) AS "
            f"(SELECT CAST({span.start} AS bigint) UNION ALL SELECT t + {width} FROM cell "
            f"WHERE t + {width} < {span.stop}) "
            f"SELECT id, t, (t / 10 * 7919 + id * 104729) % 1000003 / 1000.0"
            f"{f', {width // 10}' if rolled else ''} "
            f"FROM cell CROSS JOIN (SELECT id FROM monitoring_series {of}) s "
            "ORDER BY t, id ON CONFLICT DO NOTHING"
        )


def count() -> int:
    with connection.cursor() as cursor:
        return sum(_one(cursor, f"SELECT count(*) FROM {table}") for table, *_ in FULL)


def _one(cursor: Any, sql: str) -> int:
    cursor.execute(sql)
    [value] = cursor.fetchone()
    return int(value)


def _sizes() -> dict[str, dict[str, Any]]:
    found = {}
    with connection.cursor() as cursor:
        for table, *_ in FULL:
            size = (
                f"SELECT pg_total_relation_size('{table}')"
                if connection.vendor == "postgresql"
                else f"SELECT sum(pgsize) FROM dbstat WHERE name = '{table}'"
            )
            rows, bytes_ = _one(cursor, f"SELECT count(*) FROM {table}"), _one(cursor, size)
            found[table] = {"points": rows, "MB": bytes_ / 1e6, "bytes a point": bytes_ / rows}
    return found


def _read(span: timedelta, full: int, reads: int) -> dict[str, Any]:
    from monitoring import series
    from updates.models import Recommender

    owners = list(Recommender.objects.order_by("pk")[:full])
    seconds, shown = [], []
    for i in range(reads + 1):
        owner = owners[i * 7919 % len(owners)]

        def read(owner: Recommender = owner) -> None:
            shown.append(len(series.read(owner, RECORDED[0], NOW - span, NOW)))

        seconds.append(_timed(read))
    width = series.resolution(NOW - span, NOW).seconds
    return {
        "rows": int(span.total_seconds()) // width,
        "shown": max(shown),
        "seconds": seconds[1:],
    }


def _work(recommenders: int) -> dict[str, Any]:
    """What is written while a few minutes are recorded, and what the background does then."""
    from monitoring.retention import prune
    from monitoring.roll_up import roll_up
    from monitoring.series import Measurement, record_all
    from updates.models import Recommender

    owners = list(Recommender.objects.values_list("pk", flat=True))
    series, work = len(owners) * len(RECORDED), Work()
    for i in range(6 * MINUTES):
        at = NOW + timedelta(seconds=10 * i)
        batch = [Measurement(pk, name, pk + i / 7, at) for name in RECORDED for pk in owners]
        work.measure("recorded at one time", series, partial(record_all, batch))
        if i % 6 == 5:
            work.measure("a minute rolled up", series * 6, partial(roll_up, at + MINUTE))
    later = NOW + timedelta(hours=1, minutes=1)
    work.measure(f"{MINUTES} minutes into the hour", series * MINUTES, partial(roll_up, later))
    before = count()
    work.measure("an hour deleted", 0, partial(prune, later))
    work.done["an hour deleted"]["points"] = before - count()
    return {what: {"series": series, **measured} for what, measured in work.done.items()}


class Work:
    """What was done how often, in how many seconds, and how long locks were held."""

    def __init__(self) -> None:
        self.done: dict[str, Any] = {}

    def measure(self, what: str, points: int, act: Callable[[], None]) -> None:
        """Do it once."""
        with _transactions() as held:
            spent = _timed(act)
        of = self.done.setdefault(what, {"points": points, "seconds": [], "longest": []})
        of["seconds"].append(spent)
        of["longest"].append(max(held))


@contextmanager
def _transactions() -> Iterator[list[float]]:
    """How long each transaction held what it had locked, in seconds."""
    held: list[float] = [0.0]
    began = 0.0
    switch = connection.set_autocommit

    def timed_switch(autocommit: bool, *args: Any, **kwargs: Any) -> None:
        nonlocal began
        switch(autocommit, *args, **kwargs)
        if autocommit:
            held.append(time.perf_counter() - began)
        began = time.perf_counter()

    def statement(execute: Callable[..., Any], *args: Any) -> Any:
        start = time.perf_counter()
        result = execute(*args)
        if connection.get_autocommit() and not args[0].startswith("SELECT"):
            held.append(time.perf_counter() - start)
        return result

    with (
        mock.patch.object(connection, "set_autocommit", timed_switch),
        connection.execute_wrapper(statement),
    ):
        yield held


def _plans() -> list[tuple[str, str]]:
    """How each statement that reads points finds them; each plan once."""
    from monitoring import series
    from monitoring.retention import prune
    from monitoring.roll_up import roll_up
    from updates.models import Recommender

    owner = Recommender.objects.earliest("pk")
    later = NOW + timedelta(hours=2, minutes=1)
    series.record(owner, {RECORDED[0]: 1.0}, NOW + timedelta(hours=1))
    acts: dict[str, Callable[[], object]] = {
        "a plot": lambda: [series.read(owner, RECORDED[0], NOW - s, NOW) for s in SPANS.values()],
        "rolling up": lambda: roll_up(later),
        "deleting": lambda: prune(later),
    }
    found: dict[tuple[str, str], None] = {}
    for by, act in acts.items():
        with CaptureQueriesContext(connection) as queries:
            act()
        statements = [query["sql"] for query in queries.captured_queries]
        for sql in statements:
            if sql.startswith(("SELECT", "DELETE")) and any(table in sql for table, *_ in FULL):
                found.update(dict.fromkeys((by, plan) for plan in _plan(sql)))
    return list(found)


def _plan(sql: str) -> list[str]:
    """The lines of its plan that name a table of points."""
    sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'QUERY PLAN' if sqlite else '(COSTS OFF)'} {sql}")
        lines = [str(row[-1]).strip(" ->") for row in cursor.fetchall()]
    named = [line for line in lines if re.search("SCAN|SEARCH|Scan|Index Cond", line)]
    return [re.sub(r"\d{9,}|\{\d[\d,]*\}", "…", line) for line in named]


def _timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


if __name__ == "__main__":
    django.setup()
    call_command("migrate", verbosity=0)
    print(json.dumps(main(**json.loads(sys.argv[1]))))
