"""The audit trail as a page."""

from tests.monitoring.conftest import text


def test_a_change_is_shown_with_who_what_and_its_values(as_operator, as_admin, live):
    recommender = live.recommender
    recommender.grace_seconds = 77
    recommender.save()
    words = text(as_operator.get("/audit/"))
    assert f"recommender {recommender.slug}" in words
    assert "grace_seconds" in words
    assert "→ 77" in words


def test_it_is_searched_and_says_where_nothing_is_found(as_operator, live):
    assert "promoted version 1" in text(as_operator.get("/audit/?action=promoted"))
    words = text(as_operator.get("/audit/?q=nothing+like+it"))
    assert "Nothing was found." in words


def test_older_changes_are_a_page_away(as_operator, live):
    recommender = live.recommender
    for seconds in range(100, 160):
        recommender.grace_seconds = seconds
        recommender.save()
    page = as_operator.get("/audit/?action=changed&recommender=" + recommender.slug)
    older = page.content.decode().partition('<nav class="pager"')[2].partition('"?')[2]
    address = "/audit/?" + older.partition('"')[0].replace("&amp;", "&")
    words = text(as_operator.get(address))
    assert "→ 109" in words
    assert "→ 159" not in words


def test_a_viewer_may_not_see_it_nor_the_link(as_viewer, live):
    assert as_viewer.get("/audit/").status_code == 403
    assert "/audit/" not in as_viewer.get("/").content.decode()
