"""What an operator does on the first day, click by click."""

import json

import pytest
from playwright.sync_api import Page, expect

from updates.samples.sources.ml_100k import ML_100K

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.xdist_group("browser")]


def test_from_an_empty_installation_to_a_rolled_back_update(stack, visit):
    page = visit("/")
    expect(page.get_by_role("heading", name="Fleet")).to_be_visible()
    _create_recommender(page)
    _create_policy(page)
    stack.manage("import_samples", "films", "ml-100k", "--shift-to-now", "--until", "0.2")

    _run_full_update(page)
    _see_it_on_the_charts(page)
    _change_the_cadence(page)

    stack.manage("import_samples", "films", "ml-100k", "--shift-to-now", "--until", "0.3")
    _run_policy(page)
    _roll_back(page)


def _create_recommender(page: Page) -> None:
    page.goto("/admin/updates/recommender/add/")
    page.locator("#id_slug").fill("films")
    page.locator("#id_name").fill("Films")
    page.locator("#id_learner").select_option("sparse_linear")
    page.locator("#id_schema").fill(json.dumps(ML_100K.to_json()))
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.locator(".success")).to_contain_text("Films")


def _create_policy(page: Page) -> None:
    page.goto("/admin/updates/updatepolicy/add/")
    page.get_by_role("link", name="Films").click()
    page.locator("#id_name").fill("nightly")
    page.locator("#id_strategy").select_option("incremental")
    page.locator("#id_trigger").select_option("cron")
    page.locator("#id_cron").fill("30 3 * * *")
    expect(page.get_by_text("At 03:30", exact=False).first).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.locator(".success")).to_contain_text("nightly")


def _run_full_update(page: Page) -> None:
    page.goto("/recommenders/films/")
    page.get_by_role("button", name="Trigger an update").click()
    page.locator("dialog#trigger [name=strategy]").select_option("full")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/runs/*/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("promoted", timeout=60_000)
    expect(page.get_by_text("20,000").first).to_be_visible()


def _see_it_on_the_charts(page: Page) -> None:
    page.goto("/recommenders/films/")
    expect(page.get_by_role("link", name="v1 promoted")).to_be_visible(timeout=30_000)
    expect(page.locator("canvas").first).to_be_visible()


def _change_the_cadence(page: Page) -> None:
    page.get_by_role("button", name="Change cadence").click()
    form = page.get_by_role("form", name="Cadence of nightly")
    form.locator("[name=trigger]").select_option("interval")
    form.locator("[name=interval_seconds]").fill("7200")
    form.get_by_role("button", name="Save").click()
    receipt = page.get_by_role("status", name="Receipt of the change")
    expect(receipt).to_contain_text("the edit itself fired nothing")
    expect(receipt.locator("ol").first.locator("li")).to_have_count(10)
    expect(page.locator("#policy-nightly")).to_contain_text("every 2 h")


def _run_policy(page: Page) -> None:
    page.goto("/recommenders/films/")
    page.get_by_role("button", name="Run now").click()
    page.wait_for_url("**/runs/*/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("promoted", timeout=60_000)


def _roll_back(page: Page) -> None:
    page.goto("/recommenders/films/")
    page.get_by_role("button", name="Roll back to version 1").click()
    dialog = page.locator("dialog#roll-back")
    dialog.locator("[name=reason]").fill("The import was wrong.")
    dialog.locator("[name=hold]").check()
    dialog.get_by_role("button", name="Roll back").click()
    expect(page.locator("#live")).to_contain_text("The import was wrong.")
    expect(page.get_by_text("Held: Rolled back to v1: The import was wrong.")).to_be_visible()
    page.get_by_role("button", name="Lift the hold").click()
    expect(page.get_by_text("Held:")).to_have_count(0)
