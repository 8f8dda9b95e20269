"""Every benchmark at a tiny size, so that none rots between two measurements."""

import gc
import importlib
from contextlib import contextmanager

import numpy as np
import pytest

from tests.api_client import CallFailed
from tests.benchmarks import __main__, clicks, harness, learn, peers, served
from tests.conftest import wait_until
from tests.stack import Stack

TINY = {
    "encode": {"samples": 2_000, "hashed": 200, "repetitions": 1},
    "learn": {"samples": 2_000, "river_samples": 200, "repetitions": 1},
    "table_size": {"sizes": (500, 1_000), "samples": 100, "repetitions": 1},
    "sparsity": {"keys": 3_000, "seeds": 1, "source": ""},
    "growth": {"keys": 3_000, "samples": 10},
    "checkpoint_pause": {"keys": 500, "rows_a_step": 10, "repetitions": 1},
    "leaves": {"history": 2_000, "samples": 500, "trees": 3, "repetitions": 1},
    "full_update": {"samples": 2_000, "trees": 2, "repetitions": 1, "holdout": 100},
    "external": {"sizes": (600,), "repetitions": 1},
    "online_http": {"requests": 3, "repetitions": 1},
    "http_append": {"requests": {10: 8}, "repetitions": 1},
    "client_logging": {"rows": 200, "repetitions": 1},
    "score": {"samples": 500, "requests": 5},
    "learning_lag": {"rates": (1_000,), "seconds": 1.0},
    "wide_deep": {"sizes": (600, 1_000), "repetitions": 1, "requests": 5},
    "recommend": {"sizes": (300, 1_000), "dims": (4,), "requests": 5},
    "series": {"points": 70_000, "recommenders": 2, "reads": 2},
    "client_step": {"dims": (2,), "items": (30,), "repetitions": 1, "milliseconds": 1.0},
    "embedding": {"users": 4, "interactions": (2,)},
    "pages": {"points": 100_000, "recommenders": 20, "requests": 3},
    "swap": {"history": 1_000, "rate": 500.0, "swaps": 1, "trees": 2},
    "scrape": {"fleets": (1,), "runs": 5, "scrapes": 3},
    "quarantine": {"samples": 2_000, "ranges": (10,), "repetitions": 1},
    "canary": {"canaries": 3, "samples": 500, "rates": (0.5,)},
    "gate": {"holdouts": 20, "sizes": (10, 100), "rates": (0.5,)},
    "freeze": {"looks": 20, "sizes": (100,), "rates": (0.5,), "learned": 4_000, "streams": 1},
}
# Those that are measured over HTTP, all in one installation here.
SERVED = {
    "client_logging",
    "embedding",
    "external",
    "http_append",
    "online_http",
    "score",
    "learning_lag",
    "swap",
}
REAL_PROCESSES = SERVED | {"client_step", "full_update", "scrape"}
# A start of the whole demo keeps both cores busy for a minute.
TOO_LONG = {"startup"}
STACK = [pytest.mark.faults, pytest.mark.xdist_group("benchmarks")]
CASES = [
    pytest.param(name, marks=STACK if name in REAL_PROCESSES else [], id=name)
    for name in __main__.NAMES
    if name not in TOO_LONG
]


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    with Stack(folder, environment=served.ENVIRONMENT) as stack:
        yield stack


@pytest.fixture
def one_installation(request, monkeypatch):
    """What was measured is deleted, and the processes go on to the next."""
    if request.node.callspec.params["name"] not in SERVED:
        return
    stack = request.getfixturevalue("installation")

    @contextmanager
    def shared(*_):
        yield stack
        with stack.admin() as api:
            for policy in api.call("GET", "recommenders/clicks/policies")["results"]:
                api.call("DELETE", f"recommenders/clicks/policies/{policy['name']}")
            # A session of such a policy sees within a second that it is not wanted any more.
            wait_until(lambda: _deletes(api, "recommenders/clicks"), 30)

    monkeypatch.setattr(served, "Stack", shared)


def _deletes(api, path):
    try:
        api.call("DELETE", path)
    except CallFailed:
        return False
    return True


@pytest.fixture(autouse=True, scope="module")
def _small_heap():
    """The harness collects garbage before each turn: not through all that pytest has loaded."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("one_installation")
@pytest.mark.parametrize("name", CASES)
def test_a_benchmark_prints_tables_whose_rows_have_the_columns_of_the_first(name):
    tables = list(importlib.import_module(f"tests.benchmarks.{name}").tables(**TINY[name]))
    assert tables
    for table in tables:
        cells = {line.count("|") for line in table.markdown().splitlines() if line[:1] == "|"}
        assert cells == {len(table.rows[0]) + 1}
        assert "nan" not in table.markdown()


def test_an_unknown_name_is_refused_with_the_known_ones(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["benchmarks", "lern"])
    with pytest.raises(SystemExit):
        __main__.main()
    assert "no benchmark 'lern'; there are encode, learn" in capsys.readouterr().err


def test_vowpal_wabbit_learns_what_we_learn(tmp_path):
    some = clicks.simulate(3_000)
    some.write_vw(tmp_path / "clicks.vw")
    ours = learn.ours(some.batches(1_000), some)
    theirs = peers.vowpal_wabbit(tmp_path / "clicks.vw", learn.PARAMETERS)
    assert theirs.log_loss == pytest.approx(ours.log_loss, abs=1e-5)
    assert theirs.non_zero == pytest.approx(ours.non_zero, rel=0.01)


def test_labels_are_drawn_by_the_known_probabilities():
    some = clicks.simulate(20_000)
    assert some.labels.mean() == pytest.approx(some.probabilities.mean(), abs=0.01)
    surprise = (some.labels - some.probabilities)[some.probabilities > 0.5]
    assert abs(surprise.mean()) < 4 / (2 * np.sqrt(len(surprise)))


def test_contenders_take_turns_and_the_first_round_is_not_counted():
    turns = []

    def contender(name, seconds):
        return lambda: turns.append(name) or next(seconds)

    seconds = harness.alternate(
        {"a": contender("a", iter([9.0, 1.0, 2.0])), "b": contender("b", iter([9.0, 3.0, 4.0]))}, 2
    )
    assert seconds == {"a": [1.0, 2.0], "b": [3.0, 4.0]}
    assert "".join(turns) in ("abbaab", "baabba")


def test_ratios_are_of_pairs():
    assert harness.times_as_fast([1.0, 2.0, 5.0], [2.0, 2.0, 20.0]) == 2.0
    assert harness.rates(100, [1.0, 0.5, 0.1]) == "100 / 200 / 1,000"
