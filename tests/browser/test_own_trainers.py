"""Models of three frameworks on ML-100k, put under management by the docs alone, as real processes.

The commands are those that the pages tell a newcomer to type: nothing else is done to them.
"""

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import expect

pytest.importorskip("torch", reason="torch is not installed (examples/requirements.txt)")

from tests.conftest import wait_until
from tests.newcomer import Newcomer
from tests.stack import ROOT, Stack

pytestmark = [
    pytest.mark.browser,
    pytest.mark.faults,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("browser"),
]

PAGES = {
    "films-vw": ROOT / "examples/vowpal_wabbit/README.md",
    "films-torch": ROOT / "examples/pytorch_trainer/README.md",
    "films-sklearn": ROOT / "docs/sklearn.md",
}
LINEAR = "films-linear"
# All whose cards are looked at, side by side.
FILMS = [LINEAR, *PAGES]
# As the pages have it.
POLICIES = [
    {"name": "nightly", "strategy": "full", "trigger": "cron", "cadence": {"cron": "0 3 * * *"}},
    {
        "name": "news",
        "strategy": "incremental",
        "trigger": "samples",
        "cadence": {"every_samples": 5000},
    },
]
HISTORY = ["ml-100k", "--shift-to-now", "--until", "0.15"]
MORE = ["ml-100k", "--shift-to-now", "--from", "0.15", "--until", "0.2"]
NUMBER = re.compile(r"\d\.\d{4}")


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    # Python with pyarrow and Vowpal Wabbit is the first that is found, as the pages ask for.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    allowed = {"EXTERNAL_COMMANDS": str(ROOT / "examples/vowpal_wabbit/train.sh"), "PATH": path}
    with Stack(tmp_path_factory.mktemp("trainers"), environment=allowed) as running:
        yield running


@pytest.fixture(scope="module")
def api(stack):
    return stack.admin()


@pytest.fixture(scope="module")
def managed(stack, api):
    """All of FILMS with a live version by a full update and then one by an incremental one."""
    token = api.headers["Authorization"].removeprefix("Token ")
    newcomers = {slug: Newcomer(PAGES[slug], slug, stack, token) for slug in PAGES}
    at_once([partial(newcomer.types, newcomer.blocks[0]) for newcomer in newcomers.values()])
    beside(stack, api)
    trainer = newcomers["films-torch"].starts(newcomers["films-torch"].blocks[1])
    try:
        have_learned_all(api, 1)
        more = [partial(newcomer.types, newcomer.blocks[-1]) for newcomer in newcomers.values()]
        at_once([*more, partial(stack.manage, "import_samples", LINEAR, *MORE)])
        have_learned_all(api, 2)
        yield
    finally:
        trainer.terminate()
        trainer.wait()


def beside(stack, api):
    """A recommender of recadmin's own, managed in the same way."""
    like = api.call("GET", f"recommenders/{next(iter(PAGES))}")
    about = {"slug": LINEAR, "name": "Films by FTRL", "learner": "sparse_linear"}
    api.call("POST", "recommenders", about | {"schema": like["schema"]})
    stack.manage("import_samples", LINEAR, *HISTORY)
    for policy in POLICIES:
        api.call("POST", f"recommenders/{LINEAR}/policies", policy)
    api.call("POST", f"recommenders/{LINEAR}/updates", {"policy": "nightly"})


def at_once(work):
    """Each in a thread of its own; what one raises is raised."""
    with ThreadPoolExecutor() as hands:
        for done in [hands.submit(each) for each in work]:
            done.result()


def have_learned_all(api, number):
    """Until that version of each is live and knows all samples."""

    def has(slug):
        fresh = api.call("GET", f"recommenders/{slug}/freshness")
        return (fresh["live_version"], fresh["backlog_samples"]) == (number, 0)

    for slug in FILMS:
        wait_until(lambda slug=slug: has(slug), 60, slug)


def runs(api, slug):
    """Oldest first."""
    return api.call("GET", f"updates?recommender={slug}")["results"][::-1]


@pytest.mark.parametrize("slug", PAGES)
def test_its_updates_are_judged_and_promoted(managed, api, slug):
    full, incremental = runs(api, slug)
    assert (full["policy"], full["strategy"]) == ("nightly", "full")
    assert (incremental["policy"], incremental["strategy"]) == ("news", "incremental")
    for run in (full, incremental):
        assert run["state"] == "promoted", run["error"]
        assert run["metrics"]["candidate"]["ne"] < 1
    assert (incremental["base_version"], incremental["metrics"]["reference_version"]) == (1, 1)


@pytest.mark.parametrize("width", [1280, 400])
def test_their_cards_in_the_fleet_look_like_any_other_s(arriving, visit, width):
    page = visit(viewport={"width": width, "height": 900})
    cards = {slug: page.locator("table.fleet tbody tr", has_text=slug) for slug in FILMS}
    for card in cards.values():
        expect(card.locator("[data-label=NE]")).to_have_text(NUMBER, timeout=30_000)
    shapes = {slug: shape(card) for slug, card in cards.items()}
    assert shapes[LINEAR]["State"] == "fresh"
    assert "" not in shapes[LINEAR].values()
    assert shapes == dict.fromkeys(FILMS, shapes[LINEAR])


@pytest.fixture
def arriving(managed, api):
    """Samples that wait for the next update; what recadmin can predict, it predicts of them."""
    now = datetime.now(UTC).isoformat()
    rows = [{"label": i % 2, "event_time": now, "user": f"{i}", "item": "1"} for i in range(200)]
    for slug in FILMS:
        api.call("POST", f"recommenders/{slug}/samples", rows)


def shape(card):
    """Its cells by what stands above them, each number with its unit as ``#``."""
    cells = card.locator("[data-label]").all()
    return {
        cell.get_attribute("data-label"): re.sub(
            r"[\d.,]+( (ms|s|min|h|d)\b)?", "#", cell.inner_text().strip()
        )
        for cell in cells
    }
