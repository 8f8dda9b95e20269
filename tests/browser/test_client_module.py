"""``recadmin-client.js`` in Chromium: the steps beside the server's own, the class beside a server
made up here, with the network coming and going."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.fake_server import DeviceServer, open_page
from updates.learners.factors.client import user_step, user_step_pairs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120), pytest.mark.xdist_group("browser")]

NEAR = 1e-6  # what the steps of both sides may differ by
PHONE, TABLET = "{ device: 'phone' }", "{ device: 'tablet' }"
STEP = """([vector, bias, items, biases, labels, weights, rate, l2]) => {
  const u = Float32Array.from(vector), rows = items.map((item) => Float32Array.from(item));
  const learned = userStep(u, bias, rows, biases, labels, weights, rate, l2);
  return [[...learned.vector, learned.bias], [...u].every((value, d) => value === vector[d])];
}"""
PAIRS = """([vector, preferred, others, weights, rate, l2]) => {
  const floats = (values) => Float32Array.from(values);
  const side = ([vectors, biases]) => ({ vectors: vectors.map(floats), biases });
  return [...userStepPairs(floats(vector), side(preferred), side(others), weights, rate, l2)];
}"""


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


def rows_of(random, n: int, dim: int) -> tuple[list[list[float]], list[float]]:
    """Items' vectors, of float32 values, and their biases."""
    vectors = random.normal(0, 0.7, (n, dim)).astype(np.float32)
    return vectors.tolist(), random.normal(0, 0.5, n).tolist()


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


# --- the steps


@pytest.mark.parametrize("dim", [1, 2, 16, 33, 64])
@pytest.mark.parametrize(("rate", "l2"), [(0.2, 0.01), (1.5, 0.0)])
def test_a_step_on_the_device_is_the_one_on_the_server(visit, dim, rate, l2):
    random, n = np.random.default_rng(dim), 200
    start = random.normal(0, 0.5, dim).astype(np.float32)
    bias = float(np.float32(0.3))
    items, biases = rows_of(random, n, dim)
    labels = [float(row % 2) for row in range(n)]
    weights = random.choice([0.1, 1.0, 3.0, 20.0, 100.0], n).tolist()
    expected = user_step(
        start, bias, np.array(items), np.array(biases), np.array(labels), weights, rate, l2
    )
    arguments = [start.tolist(), bias, items, biases, labels, weights, rate, l2]
    found, untouched = visit().evaluate(STEP, arguments)
    difference = np.abs(np.array(found) - np.append(*expected)).max()
    print(f"dim {dim}, rate {rate}: differs by {difference:.3g}")
    assert difference <= NEAR
    assert untouched


@pytest.mark.parametrize("dim", [1, 16, 64])
def test_a_step_by_pairs_on_the_device_is_the_one_on_the_server(visit, dim):
    random, n, rate, l2 = np.random.default_rng(dim), 200, 0.2, 0.01
    start = random.normal(0, 0.5, dim).astype(np.float32)
    preferred, others = rows_of(random, n, dim), rows_of(random, n, dim)
    weights = random.choice([0.1, 1.0, 20.0], n).tolist()
    sides = [(np.array(vectors), np.array(biases)) for vectors, biases in (preferred, others)]
    expected = user_step_pairs(start, *sides, weights, rate, l2)
    found = visit().evaluate(PAIRS, [start.tolist(), preferred, others, weights, rate, l2])
    difference = np.abs(np.array(found) - expected).max()
    print(f"pairs, dim {dim}: differs by {difference:.3g}")
    assert difference <= NEAR


# --- learning and ranking


def test_it_learns_at_once_and_ranks_by_what_it_learned(server, visit):
    page = visit()
    page.evaluate("client.see(['1', '2', '3'])")
    after = page.evaluate(
        """() => {
          client.interact({ item: "3", label: 1, weight: 5 });
          return { pending: client.pending, ranked: client.rank(["1", "2", "3", "unheard of"]) };
        }"""
    )
    sent = {"item": "3", "label": 1, "weight": 5.0}
    user, bias = server.learned([sent])
    scores = {
        item: float(user.astype(float) @ server.items[item][0]) + bias + server.items[item][1]
        for item in ("1", "2", "3")
    }
    scores["unheard of"] = bias + server.unknown_bias
    assert after["pending"] == 1
    assert [row["item"] for row in after["ranked"]] == sorted(scores, key=scores.get, reverse=True)
    assert {row["item"]: row["score"] for row in after["ranked"]} == pytest.approx(scores, abs=NEAR)
    assert server.puts() == 0


def test_items_of_equal_scores_stay_in_the_order_given(visit):
    ranked = visit().evaluate("client.rank(['x', 'z', 'y']).map(({ item }) => item)")
    assert ranked == ["x", "z", "y"]


def test_it_recommends_of_the_items_it_has_seen_those_not_interacted_with(visit):
    page = visit()
    page.evaluate("client.see(['1', '2', '3', '4', 'unheard of'])")
    interact(page, "2")
    sync(page)
    page.reload()
    page.wait_for_function("window.begin !== undefined")
    page.evaluate("begin()")
    found = page.evaluate("client.recommend(10, { seen: ['3'] }).map(({ item }) => item)")
    assert sorted(found) == ["1", "4"]


def test_vectors_once_fetched_are_not_asked_for_again_until_the_version_moves(server, visit):
    def asked_for_items() -> int:
        return sum(path == "items/vectors" for _, path in server.asked)

    page = visit()
    page.evaluate("client.see(['1', '2', 'unheard of'])")
    page.evaluate("client.see(['2', '1', 'unheard of'])")
    assert asked_for_items() == 1
    server.version += 1
    sync(page)
    page.evaluate("client.see(['1', '2'])")
    assert asked_for_items() == 2


def test_many_items_are_asked_for_in_lines_that_web_servers_take(server, visit):
    lines = []
    page = visit()
    page.on("request", lambda request: lines.append(len(request.url)))
    page.evaluate("client.see(Array.from({ length: 1200 }, (_, n) => `item-${n}`))")
    assert len(lines) > 2
    assert max(lines) < 4_094


def test_what_is_no_interaction_is_refused_at_once(visit):
    page = visit()
    for row in ("{ item: '1', label: 0.5 }", "{ item: '1', label: 1, weight: -1 }"):
        refused = page.evaluate(f"client.interact({row}).catch((error) => error.name)")
        assert refused == "RangeError"
    assert pending(page) == 0


def test_pairs_are_learned_by_what_was_passed_over(server, visit):
    server.learning["loss"] = "bpr"
    page = visit()
    page.evaluate("client.see(['1', '2'])")
    interact(page, "1", over="2")
    interact(page, "2", label=0)
    expected, _ = server.learned([{"item": "1", "over": "2", "label": 1, "weight": 1.0}])
    assert vector(page)[:-1] == pytest.approx(expected, abs=NEAR)
    assert sync(page) == "accepted"
    assert vector(page) == pytest.approx(server_vector(server), abs=NEAR)


# --- sending


def test_what_it_sends_is_accepted_and_both_have_the_same_vector(server, visit):
    page = visit()
    page.evaluate("client.see(['1', '2'])")
    interact(page, "1")
    interact(page, "2", label=0, weight=40)
    before = vector(page)
    assert sync(page) == "accepted"
    assert server.bodies[0]["vector"] == pytest.approx(server_vector(server)[:-1], abs=NEAR)
    assert vector(page) == pytest.approx(before, abs=NEAR)
    assert page.evaluate("[client.revision, client.pending, client.spaceId]") == [1, 0, "space-1"]
    assert 0 <= page.evaluate("client.ageSeconds") < 60


def test_vectors_that_replaying_lacks_are_fetched_before_it_sends(server, visit):
    page = visit()
    interact(page, "5")
    assert sync(page) == "accepted"
    assert server.bodies[0]["vector"] == pytest.approx(server_vector(server)[:-1], abs=NEAR)


def test_learned_offline_it_outlasts_a_reload_and_is_sent_once_when_back(server, context, visit):
    page = visit()
    page.evaluate("client.see(['1', '2'])")
    server.offline = True
    context.set_offline(True)
    interact(page, "1")
    interact(page, "2", label=0)
    learned = vector(page)
    assert sync(page) == "offline"
    context.set_offline(False)  # the page itself is there again, the server is not
    page.reload()
    page.wait_for_function("window.begin !== undefined")
    page.evaluate("begin()")
    assert pending(page) == 2
    assert vector(page) == pytest.approx(learned, abs=0)
    page.wait_for_function("said.some(({ name }) => name === 'offline')")
    context.set_offline(True)
    server.offline = False
    context.set_offline(False)
    page.wait_for_function("client.pending === 0")
    assert [row["item"] for row in server.log] == ["1", "2"]
    assert server.puts() == 1
    assert vector(page) == pytest.approx(learned, abs=NEAR)


def test_begun_offline_it_queues_and_learns_when_it_has_a_vector(server, context, visit):
    server.offline = True
    page = visit()
    interact(page, "1")
    assert page.evaluate("[client.vector, client.rank(['b', 'a'])[0].item]") == [None, "b"]
    server.offline = False
    assert sync(page) == "accepted"
    assert vector(page) == pytest.approx(server_vector(server), abs=NEAR)


@pytest.mark.parametrize("sends", ["interactions", "vector"])
def test_sent_again_after_a_lost_answer_it_adds_nothing(server, visit, sends):
    server.policy["sends"] = sends
    page = visit()
    page.evaluate("client.see(['1', '2', '3'])")
    interact(page, "1")
    interact(page, "2", label=0)
    learned = vector(page)
    server.losing = True
    assert sync(page) == "offline"
    assert pending(page) == 2
    server.losing = False
    sync(page)
    assert pending(page) == 0
    assert server.revision == 1
    assert server_vector(server) == pytest.approx(learned, abs=NEAR)
    assert vector(page) == pytest.approx(learned, abs=NEAR)


def test_what_comes_while_it_sends_stays_queued(server, visit):
    page = visit(
        """{ fetch: async (url, options) => {
          if (options.method === "PUT" && !window.came) {
            window.came = true;
            await client.interact({ item: "2", label: 0 });
          }
          return fetch(url, options);
        } }"""
    )
    interact(page, "1")
    assert sync(page) == "accepted"
    assert [[row["item"] for row in body["interactions"]] for body in server.bodies] == [
        ["1"],
        ["2"],
    ]
    assert vector(page) == pytest.approx(server_vector(server), abs=NEAR)


def test_a_long_queue_goes_in_requests_of_the_size_allowed(server, visit):
    server.policy["most_interactions"] = 3
    page = visit()
    for n in range(8):
        interact(page, str(n), n % 2)
    assert sync(page) == "accepted"
    assert [len(body["interactions"]) for body in server.bodies] == [3, 3, 2]
    assert [row["item"] for row in server.log] == [str(n) for n in range(8)]


def test_another_device_s_interactions_are_merged(server, visit):
    phone, tablet = visit(PHONE), visit(TABLET)
    interact(phone, "1")
    interact(tablet, "2", label=0)
    assert [sync(phone), sync(tablet), sync(phone)] == ["accepted", "merged", "refreshed"]
    assert vector(phone) == pytest.approx(server_vector(server), abs=NEAR)
    assert vector(tablet) == pytest.approx(server_vector(server), abs=NEAR)


def test_leaving_the_page_sends_with_keepalive(server, visit):
    page = visit(
        """{ fetch: (url, options) => {
          window.alive = options.method === "PUT" && options.keepalive;
          return fetch(url, options);
        } }"""
    )
    page.evaluate("client.see(['1'])")
    interact(page, "1")
    hide(page)
    page.wait_for_function("client.pending === 0")
    assert page.evaluate("alive")
    assert len(server.log) == 1


def test_leaving_sends_only_what_it_has_learned_beside_the_items(server, visit):
    page = visit()
    page.evaluate("client.see(['1'])")
    interact(page, "1")
    interact(page, "2")
    hide(page)
    page.wait_for_function("client.pending === 1")
    assert [row["item"] for row in server.log] == ["1"]
    assert server.bodies[0]["vector"] == pytest.approx(server_vector(server)[:-1], abs=NEAR)


def test_leaving_with_a_long_queue_sends_what_a_keepalive_request_may_carry(server, visit):
    page = visit()
    page.evaluate(
        """async () => {
          const items = Array.from({ length: 100 }, (_, n) => `${n}${"x".repeat(1_000)}`);
          await client.see(items);
          await Promise.all(items.map((item) => client.interact({ item, label: 1 })));
        }"""
    )
    hide(page)
    page.wait_for_function("client.pending < 100")
    assert 0 < len(server.bodies[0]["interactions"]) < 60


def test_it_sends_by_itself_after_the_policy_s_seconds(server, context, visit):
    context.clock.install()
    page = visit()
    context.clock.pause_at(page.evaluate("Date.now() + 1000"))
    interact(page, "1")
    context.clock.fast_forward(9_000)
    assert server.puts() == 0
    context.clock.fast_forward(2_000)
    page.wait_for_function("client.pending === 0")


@pytest.mark.parametrize("status", [429, 503])
def test_it_comes_back_after_what_retry_after_says_and_not_before(server, context, visit, status):
    context.clock.install()
    page = visit()
    context.clock.pause_at(page.evaluate("Date.now() + 1000"))
    interact(page, "1")
    server.refusals.append((status, {"Retry-After": "120"}, {"title": "Later"}))
    assert sync(page) == "offline"
    [told] = said(page, "offline")
    assert 120 < told["retryInSeconds"] <= 121
    assert sync(page) == "offline"
    context.clock.fast_forward(119_000)
    hide(page)
    assert server.puts() == 1
    context.clock.fast_forward(3_000)
    page.wait_for_function("client.pending === 0")
    assert server.puts() == 2


def test_failures_in_a_row_are_tried_again_less_and_less_often(server, context, visit):
    context.clock.install()
    page = visit()
    context.clock.pause_at(page.evaluate("Date.now() + 1000"))
    interact(page, "1")
    server.offline = True
    for _ in range(12):
        assert sync(page) == "offline"
    pauses = [event["retryInSeconds"] for event in said(page, "offline")]
    limits = [min(2**n, 300) for n in range(12)]
    assert all(limit / 2 <= pause <= limit for limit, pause in zip(limits, pauses, strict=True))


def test_an_expired_token_is_asked_for_again_once(server, visit):
    page = visit()
    interact(page, "1")
    server.token = "t2"
    assert sync(page) == "accepted"
    assert server.tokens_given == 2


def test_a_token_that_is_refused_twice_is_no_reason_to_ask_on(server, visit):
    page = visit("{ token: async () => 'forged' }")
    assert page.evaluate("client.vector") is None
    assert len(server.asked) == 2
    assert sync(page) == "offline"
    assert "Unauthorized" in said(page, "offline")[-1]["error"]
    assert len(server.asked) == 4


# --- what the server has moved


def test_in_a_new_space_it_goes_on_from_the_vector_given_beside_the_new_items(server, visit):
    page = visit()
    page.evaluate("client.see(['1', '2', '3'])")
    interact(page, "1")
    server.move_space("space-2")
    assert sync(page) == "space-moved"
    assert [row["item"] for row in server.log] == ["1"]
    assert pending(page) == 0
    assert said(page, "space")[0]["spaceId"] == "space-2"
    user, bias = server.learned(server.log)
    expected = float(user.astype(float) @ server.items["3"][0]) + bias + server.items["3"][1]
    assert page.evaluate("client.rank(['3'])[0].score") == pytest.approx(expected, abs=NEAR)


def test_sending_vectors_only_it_folds_in_by_itself_in_a_new_space(server, visit):
    server.policy["sends"] = "vector"
    page = visit()
    page.evaluate("client.see(['1', '2'])")
    interact(page, "1")
    assert sync(page) == "accepted"
    assert server.bodies[0]["steps"] == 1
    interact(page, "2", label=0)
    server.move_space("space-2")
    server.vector, server.bias = np.zeros(4, np.float32), 0.0
    rows = [{"item": "1", "label": 1, "weight": 1.0}, {"item": "2", "label": 0, "weight": 1.0}]
    expected = np.append(*server.learned(rows))
    assert sync(page) == "accepted"
    assert server.bodies[-1]["steps"] == 2
    assert vector(page) == pytest.approx(expected, abs=NEAR)
    assert server_vector(server) == pytest.approx(expected, abs=NEAR)


def test_sending_vectors_only_it_replays_on_the_vector_of_a_faster_device(server, visit):
    server.policy["sends"] = "vector"
    phone, tablet = visit(PHONE), visit(TABLET)
    interact(phone, "1")
    interact(tablet, "2", label=0)
    rows = [{"item": "1", "label": 1, "weight": 1.0}, {"item": "2", "label": 0, "weight": 1.0}]
    expected = np.append(*server.learned(rows))
    assert [sync(phone), sync(tablet)] == ["accepted", "accepted"]
    assert len(server.bodies) == 3
    assert server_vector(server) == pytest.approx(expected, abs=NEAR)
    assert vector(tablet) == pytest.approx(expected, abs=NEAR)


def test_sending_vectors_only_it_says_how_many_steps_are_behind_them(server, visit):
    server.policy |= {"sends": "vector", "most_interactions": 20}
    page = visit()
    for weight in (8, 0.5, 9.5, 3):
        interact(page, "1", weight=weight)
    assert sync(page) == "accepted"
    assert [body["steps"] for body in server.bodies] == [19, 3]


def test_items_found_to_have_moved_bring_the_user_along(server, visit):
    page = visit()
    page.evaluate("client.see(['1'])")
    server.move_space("space-2")
    page.evaluate("client.see(['2'])")
    assert page.evaluate("client.spaceId") == "space-2"
    assert sorted(page.evaluate("client.recommend(9).map(({ item }) => item)")) == ["1", "2"]


# --- tabs, refusals and the end


def test_two_tabs_share_a_queue_and_send_it_once(server, visit):
    one, other = visit(), visit()
    other.wait_for_function("said.some(({ name }) => name === 'sync')")
    one.evaluate("client.see(['1', '2'])")
    interact(one, "1")
    other.wait_for_function("client.pending === 1")
    interact(other, "2", label=0)
    one.wait_for_function("client.pending === 2")
    other.wait_for_function("client.pending === 2")
    assert vector(one) == pytest.approx(vector(other), abs=0)
    one.evaluate("void client.sync()")
    other.evaluate("client.sync()")
    one.wait_for_function("client.pending === 0")
    other.wait_for_function("client.pending === 0")
    assert [len(body["interactions"]) for body in server.bodies] == [2]
    assert vector(one) == pytest.approx(server_vector(server), abs=NEAR)


def test_rows_that_a_400_names_are_set_aside_and_the_others_sent(server, visit):
    page = visit()
    for item in ("1", "2", "3"):
        interact(page, item)
    errors = [{"row": 1, "field": "event_time", "error": "is too far ahead"}]
    server.refusals.append((400, {}, {"title": "Bad Request", "errors": errors}))
    assert sync(page) == "accepted"
    assert [row["item"] for row in server.log] == ["1", "3"]
    [told] = said(page, "refused")
    assert [row["item"] for row in told["interactions"]] == ["2"]
    assert told["problem"]["errors"] == errors
    assert [row["item"] for row in page.evaluate("client.setAside()")] == ["2"]
    assert vector(page) == pytest.approx(server_vector(server), abs=NEAR)


def test_a_400_that_names_no_rows_sets_all_of_the_request_aside(server, visit):
    page = visit()
    interact(page, "1")
    server.refusals.append((400, {}, {"title": "Bad Request", "errors": [{"field": "vector"}]}))
    assert sync(page) == "refused"
    assert pending(page) == 0
    assert len(page.evaluate("client.setAside()")) == 1


@pytest.mark.parametrize(
    ("before", "after"), [("interactions", "vector"), ("vector", "interactions")]
)
def test_what_was_sent_by_a_policy_that_has_changed_is_sent_anew(server, visit, before, after):
    server.policy["sends"] = before
    page = visit()
    interact(page, "1")
    expected = np.append(*server.learned([{"item": "1", "label": 1, "weight": 1.0}]))
    server.policy["sends"] = after
    server.refusals.append((400, {}, {"title": "Bad Request", "errors": [{"field": "vector"}]}))
    assert sync(page) == "accepted"
    assert server_vector(server) == pytest.approx(expected, abs=NEAR)
    assert page.evaluate("client.setAside()") == []


def test_while_devices_are_to_send_nothing_it_learns_and_keeps(server, visit):
    policy, server.policy = server.policy, None
    page = visit()
    page.evaluate("client.see(['1'])")
    interact(page, "1")
    assert sync(page) == "refreshed"
    assert [server.puts(), pending(page)] == [0, 1]
    server.policy = policy
    assert sync(page) == "accepted"
    assert vector(page) == pytest.approx(server_vector(server), abs=NEAR)


def test_rows_rejected_among_accepted_ones_are_told_and_settled(server, visit):
    page = visit()
    interact(page, "1")
    interact(page, "rejected")
    assert sync(page) == "merged"
    [told] = said(page, "refused")
    assert [row["item"] for row in told["interactions"]] == ["rejected"]
    assert pending(page) == 0


def test_what_was_offline_for_too_long_is_set_aside(server, visit):
    page = visit("{ now: () => window.time ?? Date.now() }")
    interact(page, "1")
    page.evaluate("() => { window.time = Date.now() + 1000 * (7 * 86_400 + 60); }")
    assert sync(page) == "refreshed"
    assert [row["item"] for row in said(page, "refused")[0]["interactions"]] == ["1"]
    assert server.log == []


def test_forgetting_leaves_nothing_on_the_device(server, visit):
    one, other = visit(), visit()
    interact(one, "1")
    other.wait_for_function("client.pending === 1")
    one.evaluate("client.forget()")
    assert one.evaluate("indexedDB.databases().then((found) => found.length)") == 0
    assert visit().evaluate("client.pending") == 0
