"""axe-core, which finds what people with disabilities would stumble over."""

from axe_core_python.base import AXE_SCRIPT
from playwright.sync_api import Page

FOUND = """
async () => (await axe.run()).violations.map(({id, help, nodes}) =>
    `${id}: ${help}: ${nodes.map(({html, any}) => `${html} ${any[0]?.message ?? ""}`).join(" | ")}`)
"""


def violations(page: Page) -> list[str]:
    """What axe finds on a page, each with the elements at fault."""
    page.evaluate(AXE_SCRIPT)
    return page.evaluate(FOUND)
