"""The readable description of the API, under the same content policy as the pages."""

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.xdist_group("browser")]


def test_the_api_can_be_read_and_tried(visit):
    page = visit("/api/docs/")
    operation = page.locator("#operations-recommenders-recommenders_list")
    expect(operation).to_be_visible(timeout=20_000)
    operation.get_by_role("button").first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table tr.response .response-col_status")
    expect(answer.first).to_contain_text("200")
