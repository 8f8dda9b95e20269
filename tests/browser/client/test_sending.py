"""A client sends what it has learned, with the network coming and going."""

import pytest

from tests.browser.client.page import (
    NEAR,
    PHONE,
    TABLET,
    hide,
    interact,
    pending,
    said,
    server_vector,
    sync,
    vector,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120), pytest.mark.xdist_group("browser")]


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
