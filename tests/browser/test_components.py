"""Components in a browser: one updated by hand, its age and its cost on the pages."""

import json

import pytest
from playwright.sync_api import expect

from tests.conftest import SCHEMA, wait_until
from tests.updates.flows.conftest import learnable_rows

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.xdist_group("browser")]

SLUG = "leaves"
PATH = f"recommenders/{SLUG}"
WIDER_THAN_THE_WINDOW = (
    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
)


@pytest.fixture(scope="module")
def leaves(stack):
    """gbdt_lr with a live version and new samples."""
    with stack.admin() as api:
        about = {"slug": SLUG, "name": "Leaves", "learner": "gbdt_lr", "schema": SCHEMA.to_json()}
        options = {"learner_options": {"num_trees": 5, "num_threads": 1}}
        api.call("POST", "recommenders", about | options)
        send(api, 0, 2_000)
        run = api.call("POST", f"{PATH}/updates", {"strategy": "full"})["id"]
        wait_until(lambda: api.call("GET", f"updates/{run}")["state"] == "promoted", 60)
        send(api, 2_000, 1_000)
    return SLUG


@pytest.fixture(scope="module")
def hourly(leaves, stack):
    """A policy of the regression."""
    with stack.admin() as api:
        policy = {"name": "hourly", "strategy": "local", "components": ["lr"], "trigger": "manual"}
        api.call("POST", f"{PATH}/policies", policy)


def send(api, first, count):
    rows = [json.dumps(row, default=str) for row in learnable_rows(count, first)]
    body, headers = "\n".join(rows).encode(), {"Content-Type": "application/x-ndjson"}
    assert api.request("POST", f"/api/v1/{PATH}/samples", body, headers).status == 202


def test_a_component_is_updated_by_hand_and_the_pages_tell_what_that_cost(leaves, visit):
    page = visit()
    page.goto(f"/{PATH}/")
    expect(page.locator("#component-trees")).to_contain_text("no policy that is on")
    page.get_by_role("button", name="Trigger an update…").click()
    page.get_by_label("Strategy").select_option("local")
    page.get_by_label("trees", exact=True).check()
    page.get_by_role("button", name="Start").click()
    expect(page.locator("h1")).to_contain_text("promoted", timeout=60_000)
    expect(page.get_by_label("Cost")).to_contain_text("of the CPU time of the last full update")
    run = page.url.rstrip("/").rpartition("/")[2]
    page.locator("#run-result").click()
    expect(page.locator("table.components")).to_contain_text(f"run {run}")
    page.goto(f"/{PATH}/")
    expect(page.locator("#moved-trees")).to_have_text(f"run {run}")


def test_pages_with_components_fit_a_phone(leaves, visit):
    page = visit(viewport={"width": 390, "height": 844})
    for path in (f"/{PATH}/", f"/{PATH}/versions/1/"):
        page.goto(path)
        expect(page.locator("table.components")).to_be_visible()
        assert page.evaluate(WIDER_THAN_THE_WINDOW) <= 0, path


def test_policies_that_get_in_one_another_s_way_are_refused_with_the_reason(leaves, hourly, visit):
    page = visit()
    page.goto(f"/{PATH}/")
    page.get_by_role("link", name="Configure").click()
    pk = page.url.split("/")[-3]
    page.goto(f"/admin/updates/updatepolicy/add/?recommender={pk}")
    page.locator("#id_name").fill("other")
    page.locator("#id_strategy").select_option("local")
    page.get_by_label("lr", exact=True).check()
    page.locator("#id_trigger").select_option("manual")
    page.locator("[name=_save]").first.click()
    expect(page.locator(".field-components .errorlist")).to_contain_text("Policy hourly")


def test_an_objective_of_a_component_set_in_the_admin_judges_it_on_the_page(leaves, visit):
    page = visit(f"/{PATH}/")
    expect(page.locator("#component-trees")).not_to_contain_text("2 d")
    page.get_by_role("link", name="Configure").click()
    page.get_by_label("trees", exact=True).fill("172800")
    page.get_by_role("button", name="Save", exact=True).first.click()
    page.goto(f"/{PATH}/")
    expect(page.locator("#component-trees")).to_contain_text("2 d")
    expect(page.locator("#component-lr")).not_to_contain_text("2 d")
    expect(page.get_by_role("application", name="Age by component over time")).to_be_visible()
