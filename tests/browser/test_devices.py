"""recadmin-client.js against the real server, and the demo page, which is an app on it."""

import json

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.axe import violations
from tests.conftest import SCHEMA, wait_until
from tests.updates.flows.conftest import learnable_rows

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.xdist_group("browser")]

SLUG = "films-on-devices"
PATH = f"recommenders/{SLUG}"
NEAR = 1e-6
OPEN = """async ([module, slug, token, user, device]) => {
  const { RecadminClient } = await import(module);
  window.said = [];
  const about = { url: location.origin, slug, user, device, token: async () => token };
  window.client = await RecadminClient.open(about);
  for (const name of ["sync", "offline", "space", "refused"]) {
    client.addEventListener(name, ({ detail }) => {
      said.push({ name, outcome: detail.outcome, error: String(detail.error) });
    });
  }
}"""


def update(api, strategy="full"):
    """An update of the films, promoted."""
    run = api.call("POST", f"{PATH}/updates", {"strategy": strategy})["id"]
    wait_until(lambda: api.call("GET", f"updates/{run}")["state"] == "promoted", 60)
    return api.call("GET", f"updates/{run}")["result_version"]


def served_by_all(api, version):
    """Whichever web process answers has that version."""
    address = f"{PATH}/users/nobody/embedding"
    wait_until(lambda: all(api.call("GET", address)["version"] == version for _ in range(12)), 30)


@pytest.fixture(scope="module")
def api(stack):
    """The back end of the app: an operator's calls, on films with a live version."""
    with stack.admin() as api:
        about = {
            "slug": SLUG,
            "name": "On devices",
            "learner": "factors",
            "schema": SCHEMA.to_json(),
        }
        api.call("POST", "recommenders", about | {"learner_options": {"dim": 8}})
        rows = [json.dumps(row, default=str) for row in learnable_rows(2_000)]
        headers = {"Content-Type": "application/x-ndjson"}
        api.request("POST", f"/api/v1/{PATH}/samples", "\n".join(rows).encode(), headers)
        update(api)
        policy = {"name": "devices", "strategy": "client", "refresh_seconds": 1}
        api.call("POST", f"{PATH}/policies", policy)
        yield api


@pytest.fixture
def device(stack, chromium, api):
    """``device(user, name)``: a page with a client; those of one name are tabs of one browser."""
    contexts = {}

    def open_device(user="u1", name="phone", token=None):
        if name not in contexts:
            contexts[name] = chromium.new_context(base_url=stack.url)
        page = contexts[name].new_page()
        page.goto("/login/")
        given = api.call("POST", f"{PATH}/client-tokens", {"user": user})["token"]
        module = f"{stack.url}/static/updates/recadmin-client.js"
        page.evaluate(OPEN, [module, SLUG, token or given, user, name])
        return page

    yield open_device
    for context in contexts.values():
        context.close()


def interact(page, item, label=1):
    page.evaluate("(row) => client.interact(row)", {"item": item, "label": label})


def see(page, *items):
    page.evaluate("(items) => client.see(items)", list(items))


def vector(page):
    return np.array(page.evaluate("[...client.vector, client.bias]"))


def on_server(api, user="u1"):
    """The vector in force, its bias last, and its revision."""
    found = api.call("GET", f"{PATH}/users/{user}/embedding")
    return np.array([*found["vector"], found["bias"]]), found["revision"]


def interactions(api):
    """How many devices have brought."""
    return api.call("GET", f"{PATH}/devices")["interactions"]


def said(page, name):
    return page.evaluate("(name) => said.filter((each) => each.name === name)", name)


def test_device_and_server_come_to_the_same_vector(api, device):
    page = device("u1")
    see(page, *(f"i{n}" for n in range(10)))
    begun, revision = on_server(api, "u1")
    for n in range(10):
        interact(page, f"i{n}", n % 2)
    own = vector(page)
    assert not np.array_equal(own, begun)
    assert page.evaluate("client.sync()") == "accepted"
    theirs, now = on_server(api, "u1")
    assert np.abs(own - theirs).max() <= NEAR
    assert now == revision + 1


def test_what_was_done_offline_is_learned_at_once_and_sent_once_when_back(api, device):
    page = device("u2")
    see(page, "i1", "i2", "i3")
    before, brought = vector(page), interactions(api)
    page.context.set_offline(True)
    interact(page, "i1")
    interact(page, "i2", 0)
    assert page.evaluate("client.pending") == 2
    assert not np.array_equal(vector(page), before)
    wait_until(lambda: said(page, "offline"), 20)
    page.context.set_offline(False)
    wait_until(lambda: page.evaluate("client.pending === 0"), 20)
    assert interactions(api) == brought + 2
    assert np.abs(vector(page) - on_server(api, "u2")[0]).max() <= NEAR


def test_two_devices_of_a_user_come_to_the_same_vector(api, device):
    phone, tablet = device("u3", "phone"), device("u3", "tablet")
    for page in (phone, tablet):
        see(page, "i1", "i2")
    interact(phone, "i1")
    interact(tablet, "i2", 0)
    assert {phone.evaluate("client.sync()"), tablet.evaluate("client.sync()")} <= {
        "accepted",
        "merged",
    }
    for page in (phone, tablet):
        page.evaluate("client.sync()")
    assert np.abs(vector(phone) - vector(tablet)).max() <= NEAR
    assert np.abs(vector(phone) - on_server(api, "u3")[0]).max() <= NEAR


def test_two_tabs_of_a_device_share_what_is_queued(api, device):
    one, other = device("u4"), device("u4")
    see(one, "i1")
    brought = interactions(api)
    interact(one, "i1")
    wait_until(lambda: other.evaluate("client.pending === 1 || client.revision === 1"), 20)
    one.evaluate("client.sync()")
    wait_until(lambda: other.evaluate("client.pending === 0 && client.revision === 1"), 20)
    assert interactions(api) == brought + 1
    assert np.abs(vector(one) - vector(other)).max() <= NEAR


def test_a_full_update_in_the_middle_loses_nothing(api, device):
    page = device("u5")
    see(page, "i1", "i2")
    page.context.set_offline(True)
    interact(page, "i1")
    space, brought = page.evaluate("client.spaceId"), interactions(api)
    seed = api.call("GET", PATH)["learner_options"].get("seed", 1) + 1
    api.call("PATCH", PATH, {"learner_options": {"dim": 8, "seed": seed}})
    version = update(api)
    served_by_all(api, version)
    page.context.set_offline(False)
    wait_until(lambda: page.evaluate("client.pending === 0"), 20)
    assert page.evaluate("client.spaceId") != space
    assert interactions(api) == brought + 1
    assert np.abs(vector(page) - on_server(api, "u5")[0]).max() <= NEAR
    interact(page, "i2")
    page.evaluate("client.sync()")
    assert np.abs(vector(page) - on_server(api, "u5")[0]).max() <= NEAR


def test_training_between_two_requests_is_merged(api, device):
    page = device("u6")
    see(page, "i1", "i2")
    interact(page, "i1")
    page.evaluate("client.sync()")
    version = update(api, "incremental")
    served_by_all(api, version)
    interact(page, "i2")
    assert page.evaluate("client.sync()") == "merged"
    assert np.abs(vector(page) - on_server(api, "u6")[0]).max() <= NEAR


def test_a_forged_token_gets_nowhere_and_is_counted(api, device):
    refused = api.call("GET", f"{PATH}/devices")["refused"].get("bad-token", 0)
    page = device("u7", token="forged")
    assert page.evaluate("client.vector") is None
    interact(page, "i1")
    assert page.evaluate("client.pending") == 1
    assert api.call("GET", f"{PATH}/devices")["refused"]["bad-token"] > refused
    assert on_server(api, "u7")[1] == 0


def test_the_demo_s_list_follows_what_is_rated_with_the_network_off_too(api, visit):
    page = visit()
    page.goto(f"/demo/{SLUG}/")
    expect(page.locator("[data-list] li")).to_have_count(10)
    assert violations(page) == []
    before = page.locator("[data-list]").inner_text()
    first = page.locator("[data-rate] li").first.locator(".title").inner_text()
    page.get_by_role("button", name=f"Like: {first}", exact=True).click()
    expect(page.locator("[data-list]")).not_to_contain_text(first)
    assert page.locator("[data-list]").inner_text() != before
    expect(page.locator("[data-pending]")).to_have_text("0", timeout=15_000)
    brought = interactions(api)
    page.context.set_offline(True)
    expect(page.locator("[data-network]")).to_have_text("offline")
    before = page.locator("[data-list]").inner_text()
    page.locator("[data-rate] li").first.get_by_role("button").last.click()
    expect(page.locator("[data-pending]")).to_have_text("1")
    assert page.locator("[data-list]").inner_text() != before
    page.context.set_offline(False)
    expect(page.locator("[data-pending]")).to_have_text("0", timeout=20_000)
    assert interactions(api) == brought + 1


def test_the_recommender_s_page_tells_of_its_users_devices(api, device, visit):
    interact(device("u8", token="forged"), "i1")
    page = visit()
    page.goto(f"/{PATH}/")
    section = page.locator("section[aria-labelledby=devices-title]")
    expect(section).to_contain_text("Interactions")
    expect(section).to_contain_text("bad-token")
    page.get_by_role("link", name="Try it as a user").click()
    expect(page.locator("h1")).to_contain_text("A list made on this device")
