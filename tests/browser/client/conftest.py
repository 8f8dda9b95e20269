"""Tabs with ``recadmin-client.js`` in one browser, beside a server made up in the test."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.fake_server import DeviceServer, open_page


@pytest.fixture
def server() -> DeviceServer:
    return DeviceServer()


@pytest.fixture
def context(chromium) -> Iterator[BrowserContext]:
    context = chromium.new_context()
    yield context
    context.close()


@pytest.fixture
def visit(context, server) -> Iterator[Callable[..., Page]]:
    """``visit(options)``: another tab with a client opened with these, written in JavaScript; what
    the page complains of fails the test."""
    complaints: list[str] = []

    def visit(options: str = "") -> Page:
        page = open_page(context, server)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.evaluate(f"begin({options})")
        return page

    yield visit
    assert not complaints
