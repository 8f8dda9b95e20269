"""The admin in a browser: by keyboard, on narrow screens, with a preview while it is written.

Whatever the content security policy refuses is said in the console and fails the test.
"""

from itertools import count

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import SCHEMA

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.xdist_group("browser")]

ADMIN = "/admin/updates"
WIDER_THAN_THE_WINDOW = (
    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
)


NUMBERS = count(1)


@pytest.fixture
def magazine(stack) -> str:
    """The slug of a recommender with one policy."""
    slug = f"magazine-{next(NUMBERS)}"
    with stack.admin() as api:
        about = {"slug": slug, "name": "Magazine", "learner": "sparse_linear"}
        api.call("POST", "recommenders", {**about, "schema": SCHEMA.to_json()})
        policy = {"name": "daily", "strategy": "full", "trigger": "cron", "window_seconds": 3600}
        cadence = {"cron": "0 3 * * *", "timezone": "Europe/Berlin"}
        api.call("POST", f"recommenders/{slug}/policies", policy | {"cadence": cadence})
    return slug


def open_recommender(page: Page, magazine: str) -> None:
    page.goto(f"{ADMIN}/recommender/?q={magazine}")
    page.get_by_role("link", name=magazine, exact=True).click()


def open_policy(page: Page, magazine: str) -> None:
    page.goto(f"{ADMIN}/updatepolicy/?q={magazine}")
    page.get_by_role("link", name="daily", exact=True).click()
    expect(page.locator("#cadence-preview table")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_forms_lists_and_history_fit_the_window(magazine, visit, width):
    page = visit(viewport={"width": width, "height": 844})
    open_policy(page, magazine)
    policy = page.url
    open_recommender(page, magazine)
    recommender = page.url
    pages = [policy, recommender, policy.replace("change", "history")]
    pages += [recommender.replace("change", "roll-back"), f"{ADMIN}/updatepolicy/add/"]
    for path in pages:
        assert page.goto(path).status == 200, path
        assert page.evaluate(WIDER_THAN_THE_WINDOW) <= 0, path


def test_the_preview_follows_what_is_typed(magazine, visit):
    page = visit()
    open_policy(page, magazine)
    preview = page.locator("#cadence-preview")
    expect(preview).to_contain_text("at 03:00 (Europe/Berlin)")
    expect(preview).to_contain_text("The window covers 1 h of a 24 h cadence")
    page.locator("#id_cron").fill("*/5 * * * *")
    expect(preview).to_contain_text("every 5 minutes")
    expect(preview.locator("tbody tr")).to_have_count(10)
    expect(preview).not_to_contain_text("The window covers")


def test_fields_that_the_trigger_does_not_read_say_so(magazine, visit):
    page = visit()
    open_policy(page, magazine)
    page.locator("#id_trigger").select_option("samples")
    expect(page.locator(".form-row.field-cron")).to_contain_text("Not read: trigger is samples.")
    expect(page.locator(".form-row.field-every_samples")).not_to_contain_text("Not read")


def test_a_cadence_is_changed_by_keyboard_alone(magazine, visit):
    page = visit()
    open_policy(page, magazine)
    page.locator("#id_cron").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("30 4 * * *")
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("fires at 04:30 (Europe/Berlin)")
    expect(page.locator(".messagelist .receipt tbody tr")).to_have_count(10)


def test_without_scripts_the_preview_opens_as_a_page(magazine, visit):
    page = visit()
    open_policy(page, magazine)
    cookies, path = page.context.cookies(), page.url
    plain = page.context.browser.new_context(java_script_enabled=False)
    plain.add_cookies(cookies)
    form = plain.new_page()
    form.goto(path)
    with plain.expect_page() as opened:
        form.get_by_role("button", name="Preview the next ten fires").click()
    expect(opened.value.get_by_text("Nothing was saved.")).to_be_visible()
    plain.close()


def test_of_all_options_those_of_the_chosen_learner_are_shown(visit):
    page = visit(f"{ADMIN}/recommender/add/")
    page.locator("#id_learner").select_option("gbdt")
    expect(page.locator("code:visible", has_text="num_trees")).to_have_count(1)
    expect(page.get_by_text("Options of sparse_linear")).to_be_hidden()


def test_a_roll_back_is_reached_and_its_mistake_told_by_keyboard(magazine, visit):
    page = visit()
    open_recommender(page, magazine)
    page.get_by_role("link", name="Roll back …").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("There is no version to go back to")).to_be_visible()
