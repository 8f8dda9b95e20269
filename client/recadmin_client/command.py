"""The command ``recadmin``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from recadmin_client.client import TOKEN, URL, Client
from recadmin_client.errors import Problem, RecadminError
from recadmin_client.shapes import ENDS, FreshnessSummary, UpdateRun
from recadmin_client.table import NOTHING, count, duration, table, version

# What a caller in CI tells apart; argparse ends with FAILED too.
GOOD, BAD, FAILED = 0, 1, 2
LONGEST_CELL = 60
STATES = ("queued", "running", "evaluating", *sorted(ENDS))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0: good, 1: something is stale or an update was not promoted, 2: it failed."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if not (asked.url and asked.token):
        parser.error(f"give --url and --token, or set {URL} and {TOKEN}")
    act: Callable[[Client, argparse.Namespace], int] = asked.act
    try:
        with Client(asked.url, asked.token) as client:
            return act(client, asked)
    except RecadminError as error:
        print(f"recadmin: {_words(error)}", file=sys.stderr)
        return FAILED


def status(client: Client, asked: argparse.Namespace) -> int:
    """All recommenders, and how fresh each is."""
    found = list(client.recommenders())
    rows = [
        [one.slug, one.learner, version(one.live_version), *_fresh(one.freshness)] for one in found
    ]
    print(table(["RECOMMENDER", "LEARNER", "LIVE", *FRESH_HEAD], rows))
    return GOOD


def freshness(client: Client, asked: argparse.Namespace) -> int:
    """How fresh one recommender is, or all are; 1 where one is stale."""
    states: dict[str, FreshnessSummary]
    if asked.slug:
        states = {asked.slug: client.recommender(asked.slug).freshness()}
    else:
        states = {one.slug: one.freshness for one in client.recommenders()}
    if asked.json:
        _print_json({slug: asdict(fresh) for slug, fresh in states.items()})
    else:
        rows = [[slug, *_fresh(fresh)] for slug, fresh in states.items()]
        print(table(["RECOMMENDER", *FRESH_HEAD], rows))
    return BAD if any(fresh.state == "stale" for fresh in states.values()) else GOOD


def update(client: Client, asked: argparse.Namespace) -> int:
    """Start an update."""
    run = client.recommender(asked.slug).update(
        policy=asked.policy, strategy=asked.strategy, reason=asked.reason
    )
    print(f"run {run.id}: {run.state}")
    if not asked.wait:
        return GOOD
    run = client.wait_for(run, asked.timeout)
    made = f", {version(run.result_version)}" if run.result_version else ""
    print(f"run {run.id}: {run.state}{made}" + (f": {run.outcome}" if run.outcome else ""))
    return GOOD if run.state == "promoted" else BAD


def rollback(client: Client, asked: argparse.Namespace) -> int:
    """Make a version live again."""
    moved = client.recommender(asked.slug).rollback(asked.to, asked.reason, hold=asked.hold)
    print(f"{version(moved.version)} is live, in place of {version(moved.previous)}")
    return GOOD


def report(client: Client, asked: argparse.Namespace) -> int:
    """Tell of a model that was made elsewhere."""
    made = client.recommender(asked.slug).report_version(
        asked.name,
        asked.watermark,
        trained_since=asked.trained_since,
        metrics=dict(asked.metric) or None,
        uri=asked.uri,
        sha256=asked.sha256,
    )
    print(f"{version(made.number)} {made.name}: {made.state}")
    return GOOD


def runs(client: Client, asked: argparse.Namespace) -> int:
    """The newest runs."""
    found = client.update_runs(
        recommender=asked.recommender, state=asked.state, page_size=min(asked.limit, 200)
    )
    rows = [_run(run) for run in islice(found, asked.limit)]
    print(table(["RUN", "RECOMMENDER", "STRATEGY", "STATE", "QUEUED", "LASTED", "RESULT"], rows))
    return GOOD


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("without a zone it may mean any hour")
    return at


def _metric(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    return name, float(number)


FRESH_HEAD = ("STATE", "AGE", "OBJECTIVE", "LAG", "BACKLOG", "CAUSE")


def _fresh(fresh: FreshnessSummary) -> list[str]:
    return [
        fresh.state,
        duration(fresh.age_seconds),
        duration(fresh.objective_seconds),
        duration(fresh.lag_seconds),
        count(fresh.backlog_samples),
        NOTHING if fresh.cause == "none" else fresh.cause,
    ]


def _run(run: UpdateRun) -> list[str]:
    lasted = run.started_at and run.finished_at and run.finished_at - run.started_at
    return [
        str(run.id),
        run.recommender,
        run.strategy,
        run.state,
        f"{run.queued_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z",
        duration(lasted.total_seconds() if lasted else None),
        version(run.result_version) if run.result_version else _first_words(run.error),
    ]


def _first_words(text: str) -> str:
    return text.partition("\n")[0][:LONGEST_CELL] or NOTHING


def _words(error: RecadminError) -> str:
    """One line, and one more for each row or field at fault that it does not name itself."""
    lines = [str(error)]
    if isinstance(error, Problem):
        lines += [
            f"  {each.field}: {each.error}" for each in error.errors if each.error not in str(error)
        ]
    return "\n".join(lines)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=lambda at: at.isoformat()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="recadmin", description="What recadmin's recommenders do, and what they shall do."
    )
    parser.add_argument("--url", default=os.environ.get(URL), help=f"of the server; or {URL}")
    # Its default is not in the help: it is a secret.
    parser.add_argument(
        "--token", default=os.environ.get(TOKEN), help=f"or {TOKEN}, which ps hides"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(act: Callable[[Client, argparse.Namespace], int]) -> argparse.ArgumentParser:
        about = act.__doc__ or ""
        added = commands.add_parser(act.__name__, help=about, description=about)
        added.set_defaults(act=act)
        return added

    command(status)

    fresh = command(freshness)
    fresh.add_argument("slug", nargs="?", help="all unless given")
    fresh.add_argument("--json", action="store_true", help="for programs")

    updating = command(update)
    updating.add_argument("slug")
    how = updating.add_mutually_exclusive_group(required=True)
    how.add_argument("--strategy", help="full, incremental, …")
    how.add_argument("--policy", help="as this policy of the recommender says")
    updating.add_argument("--reason")
    updating.add_argument("--wait", action="store_true", help="until it has ended; 1 if in vain")
    updating.add_argument("--timeout", type=float, metavar="SECONDS", help="of --wait")

    back = command(rollback)
    back.add_argument("slug")
    back.add_argument("to", type=int, metavar="N", help="number of a version that was live")
    back.add_argument("--reason", required=True, help="kept with the deployment")
    back.add_argument("--hold", action="store_true", help="pause the policies that would undo it")

    made = command(report)
    made.add_argument("slug")
    made.add_argument("--name", required=True, help="as predictions name it")
    made.add_argument("--watermark", required=True, type=_time, help="newest event time learned")
    made.add_argument("--trained-since", type=_time, metavar="TIME", help="oldest event time")
    made.add_argument("--metric", action="append", default=[], type=_metric, metavar="NAME=NUMBER")
    made.add_argument("--uri", help="where it lies")
    made.add_argument("--sha256", help="of what lies there; needs --uri")

    listed = command(runs)
    listed.add_argument("--recommender", metavar="SLUG")
    listed.add_argument("--state", choices=STATES)
    listed.add_argument("--limit", type=int, default=20, metavar="N", help="20 unless given")
    return parser
