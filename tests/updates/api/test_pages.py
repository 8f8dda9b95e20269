"""Lists by cursor."""

import pytest

from updates.models import UpdateRun


def walk(caller, path):
    while path:
        page = caller.get(path).json()
        yield page["results"]
        path = page["next"]


def test_following_next_shows_every_row_once(as_viewer, news, make_run):
    runs = [make_run(news).pk for _ in range(7)]
    pages = list(walk(as_viewer, "updates?page_size=3"))
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [run["id"] for page in pages for run in page] == runs[::-1]


def test_rows_that_arrive_meanwhile_shift_nothing(as_viewer, news, make_run):
    runs = [make_run(news).pk for _ in range(4)]
    first = as_viewer.get("updates?page_size=2").json()
    make_run(news)
    second = as_viewer.get(first["next"]).json()
    assert [run["id"] for run in first["results"] + second["results"]] == runs[::-1]


def test_previous_leads_back(as_viewer, news, make_run):
    for _ in range(4):
        make_run(news)
    first = as_viewer.get("updates?page_size=2").json()
    second = as_viewer.get(first["next"]).json()
    assert as_viewer.get(second["previous"]).json()["results"] == first["results"]


def test_a_deep_page_costs_what_the_first_does(
    as_viewer, news, make_run, django_assert_max_num_queries
):
    UpdateRun.objects.bulk_create(
        UpdateRun(recommender=news, strategy="full", components=["weights"]) for _ in range(100)
    )
    *_, last = (page for page in walk(as_viewer, "updates?page_size=10"))
    assert len(last) == 10


@pytest.mark.parametrize("query", ["page_size=201", "page_size=-1", "page_size=ten", "cursor=cD1h"])
@pytest.mark.parametrize("path", ["updates", "recommenders"])
def test_a_bad_parameter_is_named(query, path, as_viewer, db, valkey):
    response = as_viewer.get(f"{path}?{query}")
    if (path, query) == ("recommenders", "cursor=cD1h"):
        assert response.status_code == 200  # a position that a slug could have
    else:
        assert response.json()["errors"][0]["field"] == query.partition("=")[0]
