"""A model that is trained and served elsewhere, watched as docs/monitor-only.md says."""

import pytest
from playwright.sync_api import expect

from tests.conftest import wait_until
from tests.newcomer import Newcomer
from tests.stack import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SLUG = "ranker"


@pytest.fixture(scope="module")
def api(stack):
    return stack.admin()


@pytest.fixture(scope="module")
def watched(stack, api):
    """All that the page has one type has been typed, and what is served was found out."""
    token = api.headers["Authorization"].removeprefix("Token ")
    newcomer = Newcomer(ROOT / "docs/monitor-only.md", SLUG, stack, token)
    newcomer.types("\n".join(newcomer.blocks))
    path = f"recommenders/{SLUG}/freshness"
    return wait_until(lambda: (fresh := api.call("GET", path))["live_version"] and fresh, 60)


def test_what_its_predictions_name_is_live(watched, api):
    assert watched["predicted_by"] == [{"name": "nightly-17", "share": 1.0, "version": 1}]
    assert watched["watermark"].startswith("2026-03-01T02:00:00")
    joiner = api.call("GET", f"recommenders/{SLUG}/joiner")
    assert (joiner["pending"], joiner["counts"]["feedback"]) == (2, 1)


@pytest.mark.parametrize("width", [1280, 400])
def test_its_page_says_who_serves_it_and_offers_no_update(watched, visit, width):
    page = visit(f"/recommenders/{SLUG}/", viewport={"width": width, "height": 900})
    expect(page.get_by_text("trained and served elsewhere")).to_be_visible()
    expect(page.locator("#live-version")).to_have_text("v1")
    expect(page.get_by_role("link", name="nightly-17")).to_be_visible()
    expect(page.get_by_role("button", name="Trigger an update")).to_have_count(0)
    wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert page.evaluate(wide)
