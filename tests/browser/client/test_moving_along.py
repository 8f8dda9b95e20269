"""A client goes on from where the server, other tabs and refusals leave it."""

import numpy as np
import pytest

from tests.browser.client.page import (
    NEAR,
    PHONE,
    TABLET,
    interact,
    pending,
    said,
    server_vector,
    sync,
    vector,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120), pytest.mark.xdist_group("browser")]


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


def test_until_the_new_items_are_there_no_old_one_is_ranked_beside_the_new_vector(server, visit):
    page = visit(
        """{ fetch: (url, options) => {
          if (window.noItems && url.includes("items/vectors")) throw new TypeError("gone");
          return fetch(url, options);
        } }"""
    )
    page.evaluate("client.see(['1'])")
    interact(page, "1")
    server.move_space("space-2")
    page.evaluate("() => { window.noItems = true; }")
    assert sync(page) == "offline"
    assert page.evaluate("client.recommend(9)") == []
    unknown = server.state()["bias"] + server.unknown_bias
    assert page.evaluate("client.rank(['1'])[0].score") == pytest.approx(unknown, abs=NEAR)
    page.evaluate("() => { window.noItems = false; }")
    assert sync(page) == "refreshed"
    assert page.evaluate("client.rank(['1'])[0].score") != pytest.approx(unknown, abs=NEAR)


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
