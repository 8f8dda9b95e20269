"""The drill: bad samples reach a model that learns online; an operator answers from the pages."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from tests.api_client import ApiClient
from tests.conftest import SCHEMA, wait_until
from tests.updates.flows.conftest import learnable_rows

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.xdist_group("browser")]

SLUG = "drill"
PATH = f"recommenders/{SLUG}"
ROW = {"user": "u1", "item": "i1", "device": "phone", "genres": ["g1"]}
POLICY = {
    "name": "always",
    "strategy": "online",
    "sync_interval_ms": 50,
    "checkpoint_seconds": 1,
    "version_every_minutes": 60,
}
WIDER_THAN_THE_WINDOW = (
    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
)


class Traffic:
    """Samples of an endless stream, sent in batches, and scores asked for beside them."""

    def __init__(self, api: ApiClient) -> None:
        self.api = api
        self.sent = 0

    def send(self, count: int, *, wrong: bool = False) -> tuple[int, int]:
        """The next so many, with the opposite labels where they are wrong: offsets."""
        rows = learnable_rows(count, self.sent)
        if wrong:
            rows = [row | {"label": 1 - row["label"]} for row in rows]
        body = "\n".join(json.dumps(row, default=str) for row in rows).encode()
        source = "partner" if wrong else "app"
        about = {"Content-Type": "application/x-ndjson", "Batch-Id": f"{source}-{self.sent}"}
        with self.api:
            answer = self.api.request("POST", f"/api/v1/{PATH}/samples", body, about)
        assert answer.status == 202, answer.body
        self.sent += count
        found = json.loads(answer.body)
        return found["first_offset"], found["last_offset"]

    def served(self) -> dict:
        return self.api.call("POST", f"{PATH}/score", {"rows": [ROW]})

    def learned(self, offset: int) -> None:
        """Wait until the session has learned so far."""
        runs = f"updates?recommender={SLUG}&state=running"

        def there() -> bool:
            running = self.api.call("GET", runs)["results"]
            return any(run["progress"]["done"] >= offset for run in running)

        wait_until(there, 30)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """300 good samples and one request a second, until the block is left."""
        stop, other = threading.Event(), Traffic(self.api.another())
        other.sent = self.sent

        def flow() -> None:
            while not stop.wait(1.0):
                other.send(300)
                other.served()

        thread = threading.Thread(target=flow)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(10)


@pytest.fixture
def traffic(stack):
    """Of a recommender that has a live version, serves it and goes on with it online."""
    with stack.admin() as api:
        about = {"slug": SLUG, "name": "Drill", "schema": SCHEMA.to_json()}
        learner = {"learner": "sparse_linear", "learner_options": {"alpha": 0.5}}
        api.call("POST", "recommenders", about | learner)
        found = Traffic(api)
        found.send(2_000)
        run = api.call("POST", f"{PATH}/updates", {"strategy": "full"})["id"]
        wait_until(lambda: api.call("GET", f"updates/{run}")["state"] == "promoted", 60)
        found.served()
        api.call("POST", f"{PATH}/policies", POLICY)
        yield found


def test_a_poisoned_batch_is_frozen_read_quarantined_and_forgotten(traffic, visit):
    for _ in range(2):
        _, last = traffic.send(300)
        traffic.learned(last)
    first_wrong, last_wrong = traffic.send(3_000, wrong=True)
    page = visit(f"/{PATH}/")
    with traffic.flowing():
        _see_that_it_is_frozen(page)
        _see_it_on_a_phone(visit(f"/{PATH}/", viewport={"width": 390, "height": 844}))
        assert traffic.served()["version"] == 1
        assert traffic.served()["offset"] < first_wrong
        _read_what_it_learned(page)
        _quarantine(page, first_wrong, last_wrong)
        _see_it_served_again(page)
    assert traffic.served()["offset"] > last_wrong


def _see_that_it_is_frozen(page: Page) -> None:
    frozen = page.get_by_role("region", name="Publishing frozen")
    expect(frozen).to_contain_text("Version 1 is served", timeout=30_000)
    expect(frozen).to_contain_text("NE on the newest")
    expect(page.locator(".alert-strip")).to_contain_text("is not served", timeout=25_000)
    expect(page.locator("#serving-title + table, table", has_text="frozen").first).to_be_visible()


def _see_it_on_a_phone(page: Page) -> None:
    page.get_by_text("What was seen before").click()
    assert page.evaluate(WIDER_THAN_THE_WINDOW) <= 0


def _read_what_it_learned(page: Page) -> None:
    page.locator("#frozen-explanation").click()
    page.wait_for_url("**/versions/2/**")
    expect(page.locator("h1")).to_contain_text("rejected")
    expect(page.locator("#explanation .said")).to_contain_text("item =", timeout=30_000)
    page.go_back()


def _quarantine(page: Page, first_wrong: int, last_wrong: int) -> None:
    page.get_by_role("region", name="Publishing frozen").get_by_role(
        "button", name="Quarantine"
    ).click()
    dialog = page.locator("dialog#quarantine-samples")
    assert int(dialog.get_by_label("First offset").input_value()) <= first_wrong
    assert int(dialog.get_by_label("Last offset").input_value()) >= last_wrong
    dialog.get_by_label("Sent with a Batch-Id that begins with").fill("partner")
    dialog.get_by_label("Reason").fill("The partner's labels are turned round.")
    dialog.get_by_role("button", name="Show what it costs").click()
    dialog.get_by_role("button", name="Quarantine 3,000 samples").click()


def _see_it_served_again(page: Page) -> None:
    expect(page.get_by_role("region", name="Publishing frozen")).to_have_count(0)
    expect(page.locator(".quarantines")).to_contain_text("know none of them", timeout=30_000)
    expect(page.locator("#live")).to_contain_text("rebuilt: 3,000 samples quarantined")
    expect(page.locator("#live")).to_contain_text("online", timeout=30_000)
