"""A model of two components: an objective for one, set in the admin, judges it on the page."""

import pytest
from playwright.sync_api import expect

from tests.conftest import SCHEMA, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def leaves(stack) -> None:
    """Trees and a regression on their leaves, live, and a policy for the regression only."""
    options = {"num_trees": 3, "num_threads": 1}
    about = {"slug": "leaves", "name": "Leaves", "learner": "gbdt_lr", "learner_options": options}
    with stack.admin() as api:
        api.call("POST", "recommenders", {**about, "schema": SCHEMA.to_json()})
        rows = [
            {"label": i % 3 // 2, "event_time": 1767225600000 + i, "item": f"i{i % 9}"}
            for i in range(300)
        ]
        api.call("POST", "recommenders/leaves/samples", rows)
        often = {"name": "often", "strategy": "local", "components": ["lr"], "trigger": "manual"}
        api.call("POST", "recommenders/leaves/policies", often)
        run = api.call("POST", "recommenders/leaves/updates", {"strategy": "full"})["id"]
        wait_until(lambda: api.call("GET", f"updates/{run}")["state"] == "promoted", seconds=60)


def test_an_objective_of_a_component_judges_it_on_the_page(leaves, visit):
    page = visit("/admin/updates/recommender/")
    page.get_by_role("link", name="leaves", exact=True).click()
    page.get_by_label("trees", exact=True).fill("86400")
    page.get_by_role("button", name="Save", exact=True).first.click()
    page.goto("/recommenders/leaves/")
    trees = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="trees"))
    expect(trees).to_contain_text("1 d")
    expect(trees).to_contain_text("no policy that is on")
    regression = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="lr"))
    regression.get_by_role("link", name="often").click()
    expect(page).to_have_url("/recommenders/leaves/#policy-often")
    expect(page.get_by_role("img", name="Age by component over time")).to_be_visible()
