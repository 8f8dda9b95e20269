"""The charts in a browser: one crosshair, one window of time, comparison, downloads, addresses."""

import csv
import io
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import SCHEMA

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.xdist_group("browser")]

SLUG, OTHER = "charted", "charted-too"
PATH = f"/recommenders/{SLUG}/"
# Half an hour of points, an alert that was resolved and one that is open.
HISTORY = f"""
from datetime import timedelta
from django.utils import timezone
from monitoring import metrics, series
from monitoring.models import Alert
from updates.models import Recommender
now = timezone.now()
for slug in ("{SLUG}", "{OTHER}"):
    of = Recommender.objects.get(slug=slug)
    series.record_all(
        series.Measurement(of.pk, name, value, now - timedelta(seconds=10 * i))
        for i in range(180)
        for name, value in ((metrics.AGE_SECONDS, 100.0 + i % 60), (metrics.LAG_SECONDS, 3.0),
                            (metrics.BACKLOG_SAMPLES, i), (metrics.NE, 0.8 + i / 1000))
    )
about = dict(recommender=Recommender.objects.get(slug="{SLUG}"), kind="drift", severity="warning",
             held_at=now, summary="wrong", objective="")
for ago, state, resolved in ((25, "resolved", now - timedelta(minutes=20)), (5, "firing", None)):
    at = now - timedelta(minutes=ago)
    Alert.objects.create(**about, since=at, fired_at=at, state=state, resolved_at=resolved)
"""


@pytest.fixture(scope="module")
def charted(stack) -> None:
    """Two recommenders with a history of points, one with alerts."""
    with stack.admin() as api:
        for slug, name in ((SLUG, "Charted"), (OTHER, "Other charted")):
            about = {"slug": slug, "name": name, "learner": "sparse_linear"}
            api.call("POST", "recommenders", {**about, "schema": SCHEMA.to_json()})
    stack.manage("shell", "-c", HISTORY)


@pytest.fixture
def page(charted, visit) -> Page:
    return opened(visit(f"{PATH}?range=3600"))


def opened(page: Page) -> Page:
    """Once the charts are drawn."""
    expect(value(page, "freshness")).not_to_have_text("–", timeout=20_000)
    return page


def value(page: Page, key: str):
    return page.locator(f'figure[data-key="{key}"] .legend b').first


def chart(page: Page, key: str):
    return page.locator(f'figure[data-key="{key}"] canvas')


def query(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def drag(page: Page, start: float, end: float) -> None:
    """Across the first chart, from one share of its width to another."""
    chart(page, "freshness").scroll_into_view_if_needed()
    box = chart(page, "freshness").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], y, steps=4)
    page.mouse.up()


def test_a_crosshair_shows_the_values_of_one_time_in_all_charts(page):
    box = chart(page, "freshness").bounding_box()
    chart(page, "freshness").hover(position={"x": box["width"] * 0.7, "y": 60})
    marks = page.locator("figure.chart .crosshair:visible")
    expect(marks).to_have_count(page.locator("figure[data-key]").count())
    times = {mark.get_attribute("data-time") for mark in marks.all()}
    assert len(times) == 1
    at_the_pointer = value(page, "backlog").inner_text()
    page.mouse.move(0, 0)
    expect(marks).to_have_count(0)
    expect(value(page, "backlog")).not_to_have_text(at_the_pointer)


def test_arrow_keys_read_a_chart_aloud(page):
    chart(page, "freshness").focus()
    page.keyboard.press("Shift+ArrowLeft")
    said = page.locator("[data-said]")
    expect(said).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d: age .+, lag 3 s$"))
    before = said.inner_text()
    page.keyboard.press("ArrowLeft")
    expect(said).not_to_have_text(before)


def test_plus_zooms_all_charts_and_escape_goes_back(page):
    chart(page, "ne").focus()
    page.keyboard.press("+")
    expect(page.locator("[data-reset]")).to_be_enabled()
    assert {"from", "to"} <= query(page).keys()
    page.keyboard.press("Escape")
    expect(page.locator("[data-reset]")).to_be_disabled()
    assert query(page) == {"range": "3600"}


def test_a_dragged_zoom_is_in_the_address_and_a_double_click_ends_it(page, visit):
    drag(page, 0.6, 0.8)
    expect(page.locator("[data-reset]")).to_be_enabled()
    shown = query(page)
    assert {"from", "to"} <= shown.keys()
    again = opened(visit(page.url))
    expect(again.locator("[data-reset]")).to_be_enabled()
    window = 'document.querySelector("[data-overview] [role=slider]").ariaValueText'
    assert again.evaluate(window) == page.evaluate(window)
    assert query(again) == shown
    chart(page, "freshness").dblclick()
    expect(page.locator("[data-reset]")).to_be_disabled()


def test_the_overview_s_window_moves_what_the_charts_show(page):
    page.locator("[data-overview] [role=slider]").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("[data-reset]")).to_be_enabled()
    first = query(page)["from"]
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(lambda url: f"from={first[:10]}" in url and first not in url)
    strip = page.locator("[data-overview]").bounding_box()
    before = query(page)["from"]
    page.mouse.click(strip["x"] + strip["width"] * 0.9, strip["y"] + 20)
    page.wait_for_function("before => !location.search.includes(before)", arg=before[:19])


def test_the_resolution_is_kept_in_the_address(page, visit):
    page.locator("[data-resolution]").select_option("60")
    assert query(page) == {"range": "3600", "resolution": "60"}
    again = opened(visit(page.url))
    expect(again.locator("[data-resolution]")).to_have_value("60")


def test_alerts_are_listed_with_how_long_they_lasted_and_lead_to_their_page(page):
    alerts = page.locator("[data-marks] li.alert")
    expect(alerts).to_have_count(2)
    expect(alerts.first).to_contain_text("still open")
    expect(alerts.last).to_contain_text("for 5 min")
    alerts.last.get_by_role("link").click()
    page.wait_for_url("**/alerts/*/")


def test_another_recommender_is_drawn_beside_and_named(page):
    page.get_by_label("Compare with").fill(OTHER)
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url(f"**with={OTHER}*")
    opened(page)
    legend = page.locator('figure[data-key="freshness"] .legend')
    expect(legend).to_contain_text(f"{SLUG}: age")
    expect(legend.locator("li[data-dashed]").first).to_contain_text(f"{OTHER}: age")
    expect(legend.locator("li[data-dashed] b").first).not_to_have_text("–")
    assert query(page) == {"range": "3600", "with": OTHER}
    page.get_by_role("button", name="Stop").click()
    page.wait_for_url(lambda url: "with=" not in url)


def test_a_chart_is_downloaded_as_csv_and_as_a_picture(page):
    page.get_by_role("button", name="Download Model freshness").click()
    with page.expect_download() as points:
        page.locator('figure[data-key="freshness"] [data-csv]').first.click()
    assert re.fullmatch(rf"{SLUG}-age_seconds-\w+Z-\w+Z\.csv", points.value.suggested_filename)
    rows = list(csv.reader(io.StringIO(points.value.path().read_text())))
    assert rows[0] == ["time (UTC)", "age_seconds (s)"]
    assert len(rows) > 150
    for colours in ("white", "dark"):
        with page.expect_download() as picture:
            page.get_by_role("button", name=f"PNG on {colours}").first.click()
        assert re.fullmatch(rf"{SLUG}-freshness-\w+Z-\w+Z\.png", picture.value.suggested_filename)
        assert picture.value.path().read_bytes().startswith(b"\x89PNG")


def test_an_i_in_the_headline_stays_open_while_the_page_moves_on(page):
    page.get_by_role("button", name="How Age is computed").first.click()
    about = page.locator("#figure-age")
    expect(about).to_contain_text("watermark")
    with page.expect_response("**/headline/"):
        pass
    expect(about).to_be_visible()


def test_charts_of_what_a_model_keeps_say_that_there_is_nothing_yet(page):
    for name in ("memory", "turnover", "components", "price"):
        figure = page.locator(f"#sparsity [data-drawn={name}]")
        expect(figure.locator(".no-points")).to_be_visible()
        expect(figure.locator("[data-latest]")).to_be_empty()
