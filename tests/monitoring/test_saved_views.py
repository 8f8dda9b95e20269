"""Views of the fleet that people name."""

import pytest

from monitoring.models import SavedView
from tests.monitoring.conftest import text


def test_a_view_is_named_listed_and_deleted(as_viewer, viewer, make_recommender):
    make_recommender()
    answer = as_viewer.post("/views/", {"name": "Mine", "query": "sort=-lag&state=stale&page=3"})
    assert answer.headers["Location"] == "/?state=stale&sort=-lag"
    [view] = viewer.saved_views.all()
    page = as_viewer.get("/?state=stale&sort=-lag").content.decode()
    assert '<a href="?state=stale&amp;sort=-lag" aria-current="true">Mine</a>' in page
    as_viewer.post(f"/views/{view.pk}/delete/")
    assert not SavedView.objects.exists()
    assert "The view “Mine” is deleted." in text(as_viewer.get("/"))


def test_the_same_name_again_is_the_newer_view(as_viewer, viewer):
    for query in ("state=stale", "tag=eu"):
        as_viewer.post("/views/", {"name": "Mine", "query": query})
    assert viewer.saved_views.get().query == "tag=eu"


def test_views_are_one_s_own(as_viewer, as_operator, operator, make_recommender):
    make_recommender()
    theirs = operator.saved_views.create(name="Theirs", query="tag=eu")
    assert "Theirs" not in text(as_viewer.get("/"))
    assert as_viewer.post(f"/views/{theirs.pk}/delete/").status_code == 404
    assert as_viewer.post("/views/", {"name": "Theirs", "query": ""}).status_code == 302
    assert SavedView.objects.count() == 2


@pytest.mark.parametrize("name", ["", "x" * 61])
def test_a_view_without_a_proper_name_is_refused_in_words(as_viewer, make_recommender, name):
    make_recommender()
    answer = as_viewer.post("/views/", {"name": name, "query": "tag=eu"}, follow=True)
    assert "Name: " in text(answer)
    assert not SavedView.objects.exists()


def test_what_is_no_query_of_the_page_is_not_kept(as_viewer, viewer):
    answer = as_viewer.post("/views/", {"name": "Odd", "query": "//elsewhere.example/&next=/x"})
    assert answer.headers["Location"] == "/"
    assert viewer.saved_views.get().query == ""


def test_who_has_no_role_names_nothing(as_outsider):
    assert as_outsider.post("/views/", {"name": "Mine", "query": ""}).status_code == 403
