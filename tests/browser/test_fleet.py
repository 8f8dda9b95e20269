"""The fleet page's controls: by mouse and keyboard, all in the address, kept while it refreshes."""

import pytest
from playwright.sync_api import expect

from tests.conftest import SCHEMA, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.xdist_group("browser")]

ORCHARD = "/?q=orchard"
ROWS = [{"label": i % 2, "event_time": 1767225600000 + i, "item": "i"} for i in range(300)]
BY_HAND = {"name": "by-hand", "strategy": "full", "trigger": "manual"}
FOCUSED = "document.activeElement.id"
LEAST_GAP = 16  # pixels
# Between what neighbouring heads of columns hold, arrows of sorting included; in pixels.
GAPS = """() => {
  const ranges = [...document.querySelectorAll("table.fleet thead th")].map((th) => {
    const range = document.createRange();
    range.selectNodeContents(th);
    return range.getBoundingClientRect();
  });
  return ranges.slice(1).map((rect, i) => rect.left - ranges[i].right);
}"""


@pytest.fixture(scope="module")
def orchard(stack):
    """Three that were never trained: two with samples waiting, one of those with a policy."""
    with stack.admin() as api:
        for slug, tags in [("apples", ["red", "crisp"]), ("pears", ["green"]), ("plums", ["red"])]:
            make(api, f"orchard-{slug}", tags)
        for slug in ("apples", "pears"):
            api.call("POST", f"recommenders/orchard-{slug}/samples", ROWS)
        api.call("POST", "recommenders/orchard-apples/policies", BY_HAND)


@pytest.fixture
def hedge(stack):
    """One with a policy that a test may train: the others' states are what tests look for."""
    with stack.admin() as api:
        make(api, "hedge-sloes", [])
        api.call("POST", "recommenders/hedge-sloes/samples", ROWS)
        api.call("POST", "recommenders/hedge-sloes/policies", BY_HAND)


def make(api, slug, tags):
    about = {"slug": slug, "name": slug.replace("-", " ").capitalize(), "tags": tags}
    about |= {"learner": "sparse_linear", "schema": SCHEMA.to_json()}
    api.call("POST", "recommenders", about)


def names(page):
    return page.locator("table.fleet tbody th > a:first-child")


def refreshed(page):
    """After a poll that began from now on."""
    with page.expect_response(lambda answer: "hx-request" in answer.request.headers):
        pass


def test_a_header_sorts_by_keyboard_and_keeps_the_focus(orchard, visit):
    page = visit(ORCHARD)
    page.locator("#sort-name").focus()
    page.keyboard.press("Enter")
    expect(names(page)).to_have_text(["Orchard apples", "Orchard pears", "Orchard plums"])
    expect(page.locator("th[aria-sort]")).to_contain_text("Recommender")
    page.keyboard.press("Enter")
    expect(names(page)).to_have_text(["Orchard plums", "Orchard pears", "Orchard apples"])
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Recommender")
    assert page.evaluate(FOCUSED) == "sort-name"
    refreshed(page)
    refreshed(page)
    assert page.evaluate(FOCUSED) == "sort-name"
    expect(names(page)).to_have_text(["Orchard plums", "Orchard pears", "Orchard apples"])


def test_filters_combine_and_the_address_shows_the_same_to_others(orchard, visit):
    page = visit(ORCHARD)
    page.get_by_role("link", name="red").first.click()
    expect(names(page)).to_have_count(2)
    page.locator("#chip-backlog").click()
    expect(names(page)).to_have_text(["Orchard apples"])
    expect(page.locator("#q")).to_have_value("orchard")
    page.go_back()
    expect(names(page)).to_have_count(2)
    page.go_forward()
    expect(names(page)).to_have_text(["Orchard apples"])
    other = visit(page.url)
    expect(names(other)).to_have_text(["Orchard apples"])
    expect(other.locator("#tag")).to_have_value("red")


def test_what_is_typed_stays_while_the_page_refreshes(orchard, visit):
    page = visit(ORCHARD)
    page.locator("#q").fill("orchard p")
    refreshed(page)
    refreshed(page)
    assert page.evaluate(FOCUSED) == "q"
    page.keyboard.press("Enter")
    expect(names(page)).to_have_count(2)
    expect(page.locator("#q")).to_have_value("orchard p")


def test_a_view_is_saved_and_found_again_by_keyboard(orchard, visit):
    page = visit("/?q=orchard&tag=green&sort=name")
    page.get_by_role("button", name="Views").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Name").fill("Green ones")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("saved as “Green ones”")
    page.goto("/")
    page.get_by_role("button", name="Views").press("Enter")
    page.get_by_role("link", name="Green ones").press("Enter")
    page.wait_for_url("**/?tag=green&q=orchard&sort=name")
    expect(names(page)).to_have_text(["Orchard pears"])
    page.get_by_role("button", name="Views").press("Enter")
    page.get_by_role("button", name="Delete the view Green ones").click()
    expect(page.get_by_role("status")).to_contain_text("deleted")


def test_what_is_overdue_is_updated_by_a_press(orchard, hedge, visit, stack):
    page = visit(ORCHARD)
    page.get_by_role("link", name="Update…").click()
    expect(page.locator("dialog#trigger")).to_be_visible()
    page.goto("/?q=hedge")
    page.get_by_role("button", name="Update now: Hedge sloes").press("Enter")
    page.wait_for_url("**/runs/*/")
    run = page.url.rstrip("/").rsplit("/", 1)[1]
    with stack.admin() as api:
        wait_until(lambda: api.call("GET", f"updates/{run}")["state"] == "promoted", seconds=60)


@pytest.mark.parametrize("column", ["name", "backlog"])
def test_heads_of_columns_keep_apart_on_a_small_screen(orchard, visit, column):
    page = visit(f"{ORCHARD}&sort={column}", viewport={"width": 1280, "height": 844})
    expect(page.locator("th[aria-sort]")).to_be_visible()
    assert min(page.evaluate(GAPS)) >= LEAST_GAP


def test_on_a_phone_the_figures_are_explained_by_keyboard_and_stay_so(orchard, visit):
    page = visit(ORCHARD, viewport={"width": 390, "height": 844})
    page.get_by_role("button", name="How the fleet figures are computed").focus()
    page.keyboard.press("Enter")
    about = page.locator("#columns-fleet")
    expect(about).to_contain_text("Normalized entropy")
    refreshed(page)
    expect(about).to_be_visible()
    page.keyboard.press("Escape")
    expect(about).to_be_hidden()
