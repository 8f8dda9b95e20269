"""A client learns at once, and ranks by it."""

import pytest

from tests.browser.client.page import NEAR, interact, pending, server_vector, sync, vector

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120), pytest.mark.xdist_group("browser")]


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
