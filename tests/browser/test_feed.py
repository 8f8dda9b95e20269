"""The simulated feed's page in a browser: charts, and the button by keyboard, also on a phone."""

import pytest
from playwright.sync_api import expect

from updates.simulation.rows import SCHEMA

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.xdist_group("browser")]

WIDER_THAN_THE_WINDOW = (
    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
)
PHONE = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}


@pytest.fixture(scope="module")
def feed(stack):
    """Two of the eight, of which nothing is played."""
    with stack.admin() as api:
        for slug in ("feed-never", "feed-online"):
            about = {"slug": slug, "name": f"Of the feed: {slug}", "learner": "sparse_linear"}
            api.call("POST", "recommenders", about | {"schema": SCHEMA.to_json()})


def test_without_points_the_charts_say_what_brings_some(feed, visit):
    page = visit("/demo/feed/")
    expect(page.locator("[data-chart=regret] .no-points")).to_contain_text("No regret was measured")
    expect(page.locator("#feed tbody tr")).to_have_count(2)
    page.get_by_role("button", name="1 h", exact=True).click()
    expect(page.get_by_role("button", name="1 h", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )


def test_a_flash_event_is_started_by_keyboard_on_a_phone_in_the_dark(feed, visit):
    page = visit("/demo/feed/", **PHONE)
    assert page.evaluate(WIDER_THAN_THE_WINDOW) == 0
    page.get_by_role("button", name="Start a flash event").focus()
    page.keyboard.press("Enter")
    expect(page.locator("main .notice.success")).to_contain_text("A flash event starts")
