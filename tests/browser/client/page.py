"""What tests do with a page's client, and ask of it."""

import numpy as np
from playwright.sync_api import Page

from tests.browser.fake_server import DeviceServer

NEAR = 1e-6  # what vectors of both sides may differ by
PHONE, TABLET = "{ device: 'phone' }", "{ device: 'tablet' }"


def interact(page: Page, item: str, label: int = 1, **more) -> None:
    page.evaluate("(row) => client.interact(row)", {"item": item, "label": label, **more})


def vector(page: Page) -> np.ndarray:
    """The device's vector, its bias last."""
    return np.array(page.evaluate("[...client.vector, client.bias]"))


def server_vector(server: DeviceServer) -> np.ndarray:
    state = server.state()
    return np.array([*state["vector"], state["bias"]])


def said(page: Page, name: str) -> list[dict]:
    return page.evaluate("(name) => said.filter((event) => event.name === name)", name)


def sync(page: Page) -> str:
    return page.evaluate("client.sync()")


def pending(page: Page) -> int:
    return page.evaluate("client.pending")


def hide(page: Page) -> None:
    """As a browser does to a page that is left."""
    page.evaluate(
        """() => {
          Object.defineProperty(document, "visibilityState", { value: "hidden" });
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
