"""Every page: no complaint in the console, none of axe's, no sideways scrolling, dark and light, by
keyboard, and nothing that shifts while one reads."""

import pytest
from playwright.sync_api import expect

from tests.browser.axe import violations
from tests.conftest import SCHEMA, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.xdist_group("browser")]

PATHS = [
    "/",
    "/alerts/",
    "/alerts/{alert}/",
    "/workers/",
    "/recommenders/shop/",
    "/recommenders/shop/versions/1/",
    "/recommenders/shop/versions/compare/",
    "/runs/{run}/",
    "/admin/",
    "/admin/monitoring/alertchannel/add/",
    "/admin/updates/recommender/",
    "/admin/updates/recommender/add/",
    "/admin/updates/updatepolicy/",
    "/admin/updates/updaterun/",
    "/admin/updates/modelversion/",
    "/api/docs/",
]
ALERT = """
from django.utils import timezone
from monitoring.models import Alert
from updates.models import Recommender
now = timezone.now()
of = Recommender.objects.get(slug="shop")
print(Alert.objects.create(recommender=of, kind="drift", severity="warning", state="firing",
    since=now, held_at=now, fired_at=now, summary="It drifted.", objective="PSI below 0.1").pk)
"""
PRUNE = """
from updates.flows.prune import prune
from updates.models import Recommender
of = Recommender.objects.get(slug="attic")
of.keep_versions = 1
prune(of)
"""
# Layout shifts since the page began, added up: stricter than CLS, which takes the worst window.
WATCH_SHIFTS = """
window.shifted = [];
new PerformanceObserver(list => {
  for (const {value, sources, hadRecentInput} of list.getEntries()) {
    const moved = sources.map(({node}) => node?.className || node?.nodeName).join();
    if (!hadRecentInput) window.shifted.push([value, moved]);
  }
}).observe({type: "layout-shift", buffered: true});
"""
MOST_SHIFTED = 0.02
WIDER_THAN_THE_WINDOW = (
    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
)


def samples(count):
    return [
        {"label": i % 3 // 2, "event_time": 1767225600000 + i, "item": f"i{i % 9}"}
        for i in range(count)
    ]


def updated(api, slug, strategy):
    """The run, once its version is live."""
    run = api.call("POST", f"recommenders/{slug}/updates", {"strategy": strategy})["id"]
    wait_until(lambda: api.call("GET", f"updates/{run}")["state"] == "promoted", seconds=60)
    return run


@pytest.fixture(scope="module")
def shop(stack) -> dict[str, int]:
    """A recommender with one live version; what its addresses are made of."""
    with stack.admin() as api:
        name = {"slug": "shop", "name": "Shop", "learner": "sparse_linear"}
        api.call("POST", "recommenders", {**name, "schema": SCHEMA.to_json()})
        api.call("POST", "recommenders/shop/samples", samples(300))
        run = updated(api, "shop", "full")
    alert = int(stack.manage("shell", "-v", "0", "-c", ALERT))
    return {"run": run, "alert": alert}


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_the_window_and_complain_of_nothing(shop, visit, width, scheme):
    page = visit(viewport={"width": width, "height": 844}, color_scheme=scheme)
    for path in PATHS:
        answer = page.goto(path.format(**shop))
        assert answer.status == 200, path
        if path.startswith("/admin/") or path == "/api/docs/":
            continue  # Django's and Swagger's own tables may scroll
        assert page.evaluate(WIDER_THAN_THE_WINDOW) <= 0, path
        assert violations(page) == [], path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_page_that_one_logs_in_at(stack, chromium, scheme):
    with chromium.new_context(base_url=stack.url, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto("/login/")
        assert violations(page) == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("path", ["/", "/recommenders/shop/"])
def test_nothing_shifts_while_a_page_loads_and_is_kept_up_to_date(shop, visit, path, width):
    page = visit(viewport={"width": width, "height": 844})
    page.add_init_script(WATCH_SHIFTS)
    page.goto(path)
    page.wait_for_load_state("networkidle")
    for _ in range(3):
        with page.expect_response(lambda answer: answer.request.headers.get("hx-request")):
            pass
    shifted = page.evaluate("window.shifted")
    assert sum(value for value, _ in shifted) <= MOST_SHIFTED, shifted


def test_dark_mode_can_be_chosen_and_is_remembered(shop, visit):
    page = visit("/", color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(background)
    page.get_by_role("button", name="Colours").click(click_count=2)  # as the system, light, dark
    chosen = page.evaluate(background)
    page.reload()
    assert chosen != before
    assert page.evaluate(background) == chosen


def test_the_first_tab_offers_to_skip_to_the_content(shop, visit):
    page = visit("/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_contain_text("Skip")


def test_an_update_can_be_triggered_by_keyboard_alone(shop, visit):
    page = visit("/recommenders/shop/")
    page.get_by_role("button", name="Trigger an update").focus()
    page.keyboard.press("Enter")
    expect(page.locator("dialog#trigger")).to_be_visible()
    page.locator("dialog#trigger [name=strategy]").focus()
    page.keyboard.press("f")
    page.get_by_role("button", name="Start").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/*/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("promoted", timeout=60_000)


def test_the_fleet_moves_without_a_reload(shop, visit):
    page = visit("/")
    age = page.locator("main")
    first = age.inner_text()
    expect(age).not_to_have_text(first, timeout=10_000)


def test_a_viewer_sees_no_controls(shop, stack, chromium):
    stack.manage(
        "shell",
        "-c",
        "from django.contrib.auth.models import Group, User; "
        "User.objects.create_user('vera', password='seeing-only')"
        ".groups.add(Group.objects.get(name='viewer'))",
    )
    with chromium.new_context(base_url=stack.url) as context:
        page = context.new_page()
        page.goto("/login/")
        page.get_by_label("Username").fill("vera")
        page.get_by_label("Password").fill("seeing-only")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/")
        page.goto("/recommenders/shop/")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Shop")
        expect(page.get_by_role("button", name="Roll back")).to_have_count(0)
        expect(page.get_by_role("button", name="Trigger an update")).to_have_count(0)


@pytest.fixture
def attic(stack) -> None:
    """Two versions, the first of them without its files."""
    with stack.admin() as api:
        about = {"slug": "attic", "name": "Attic", "learner": "sparse_linear"}
        api.call("POST", "recommenders", about | {"schema": SCHEMA.to_json()})
        for strategy in ("full", "incremental"):
            api.call("POST", "recommenders/attic/samples", samples(300))
            updated(api, "attic", strategy)
    stack.manage("shell", "-c", PRUNE)


def test_what_is_gone_with_the_files_of_a_version_is_said_in_one_piece(attic, visit):
    page = visit("/recommenders/attic/versions/1/", viewport={"width": 1280, "height": 844})
    notice = page.locator(".notice.warning", has_text="Its files were deleted")
    expect(notice).to_have_css("display", "block")
    page.goto("/recommenders/attic/versions/2/")
    told = page.locator("#explanation")
    expect(told).to_contain_text("The files of version 1 are no longer kept")
    expect(told.get_by_label("Against")).to_have_value("1")
