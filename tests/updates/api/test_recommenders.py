"""Recommenders: list, create, read, change, delete."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from tests.updates.api.conftest import Caller
from updates.models import Recommender, UpdateRun
from updates.samples.log import SampleLog
from updates.store import artifacts

MUSIC = {
    "slug": "music",
    "name": "Music",
    "learner": "sparse_linear",
    "learner_options": {"alpha": 0.1},
    "schema": {"user": "user", "item": "item", "crosses": [["user", "item"]]},
}


def fields_at_fault(response):
    assert response.status_code == 400, response.content
    return {error["field"] for error in response.json()["errors"]}


def test_what_is_created_can_be_read(as_admin, valkey):
    created = as_admin.post("recommenders", MUSIC)
    assert created.status_code == 201
    found = as_admin.get(created["Location"])
    assert found.json() | MUSIC | {"schema": found.json()["schema"]} == found.json()
    assert found.json()["schema"]["crosses"] == [["user", "item"]]


def test_slices_are_kept_as_sent_and_a_wrong_one_is_named(as_admin, valkey):
    slices = [
        {"name": "new-items", "new": "item", "days": 7},
        {"name": "regulars", "feature": "user", "in": ["u1", "u2"]},
    ]
    assert as_admin.post("recommenders", MUSIC | {"slices": slices}).json()["slices"] == slices
    wrong = [{"name": "dear", "feature": "price", "from": 100}]
    refused = as_admin.patch("recommenders/music", {"slices": wrong})
    assert fields_at_fault(refused) == {"slices"}
    assert "Slice “dear”, feature" in refused.json()["errors"][0]["error"]


def test_tags_are_given_shown_and_changed(as_admin, valkey):
    created = as_admin.post("recommenders", MUSIC | {"tags": ["eu", "audio"]}).json()
    assert created["tags"] == ["eu", "audio"]
    as_admin.patch("recommenders/music", {"tags": ["us"]})
    assert as_admin.get("recommenders/music").json()["tags"] == ["us"]


@pytest.mark.parametrize(
    "tags", [["EU"], ["a b"], ["eu", "eu"], ["x"] * 21, ["x" * 31], [""], "eu"]
)
def test_what_are_no_tags_is_refused(as_admin, valkey, tags):
    assert "tags" in fields_at_fault(as_admin.post("recommenders", MUSIC | {"tags": tags})).pop()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"slug": "../../etc"}, "slug"),
        (
            {"learner": "wide_deep", "learner_options": {"pretrained": "../../etc/passwd"}},
            "learner_options",
        ),
    ],
)
def test_what_comes_in_names_no_file(change, field, as_admin, valkey):
    assert fields_at_fault(as_admin.post("recommenders", MUSIC | change)) == {field}


def test_a_new_one_has_nothing_live(as_admin, valkey):
    created = as_admin.post("recommenders", MUSIC).json()
    assert created["live_version"] is None
    assert created["freshness"]["state"] == "unknown"


def test_the_list_shows_the_freshness_of_each(as_viewer, live, make_recommender):
    make_recommender("music")
    found = as_viewer.get("recommenders").json()["results"]
    states = {row["slug"]: (row["live_version"], row["freshness"]["state"]) for row in found}
    assert states == {"music": (None, "unknown"), "news": (1, "idle")}


def test_without_the_log_the_list_still_answers(as_viewer, deployed, settings):
    settings.REDIS_URL = "unix:///nowhere.sock"
    [row] = as_viewer.get("recommenders").json()["results"]
    assert row["freshness"]["backlog_samples"] is None


@pytest.mark.parametrize("count", [2, 40])
def test_listing_many_takes_as_many_queries_as_listing_few(
    count, as_viewer, make_recommender, make_version, valkey, django_assert_max_num_queries
):
    from updates.flows.promote import promote

    for i in range(count):
        promote(make_version(make_recommender(f"r{i}")), reason="first")
    with django_assert_max_num_queries(10):
        assert len(as_viewer.get("recommenders").json()["results"]) == count


@pytest.mark.parametrize("missing", ["slug", "name", "learner", "schema"])
def test_a_missing_field_is_named(missing, as_admin):
    wanted = {name: value for name, value in MUSIC.items() if name != missing}
    assert fields_at_fault(as_admin.post("recommenders", wanted)) == {missing}


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("slug", "no spaces", "slug"),
        ("learner", "oracle", "learner"),
        ("learner_options", {"alpha": -1}, "learner_options"),
        ("schema", {"item": "label"}, "schema.label"),
        ("schema", {"itme": "item"}, "schema.itme"),
        ("schema", [], "schema"),
        ("freshness_objective_seconds", 0, "freshness_objective_seconds"),
        ("grace_seconds", 10**12, "grace_seconds"),
        ("naem", "Music", "naem"),
    ],
)
def test_a_bad_value_is_named(field, value, fault, as_admin):
    assert fields_at_fault(as_admin.post("recommenders", MUSIC | {field: value})) == {fault}


def test_a_taken_slug_is_a_conflict(as_admin, news):
    response = as_admin.post("recommenders", MUSIC | {"slug": "news"})
    assert response.status_code == 409
    assert response.json()["errors"] == [{"field": "slug", "error": "Is taken."}]


def test_of_two_created_at_once_under_one_slug_one_is_refused(admin_user, transactional_db, valkey):
    def create(caller):
        try:
            return caller.post("recommenders", MUSIC).status_code
        finally:
            connections.close_all()

    callers = [Caller(admin_user) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(create, callers)) == [201, 409, 409, 409]


def test_of_two_changes_at_once_none_undoes_the_other(as_admin, news, valkey, monkeypatch):
    def meanwhile(self):
        Recommender.objects.filter(pk=self.pk).update(grace_seconds=7)

    monkeypatch.setattr(Recommender, "clean", meanwhile)
    as_admin.patch("recommenders/news", {"name": "Daily news"})
    news.refresh_from_db()
    assert (news.name, news.grace_seconds) == ("Daily news", 7)


def test_a_change_is_in_the_audit_trail_with_its_author(as_admin, admin_user, news, valkey):
    as_admin.patch("recommenders/news", {"name": "Daily news"})
    assert news.history.latest().history_user == admin_user


def test_the_slug_is_fixed(as_admin, news):
    assert fields_at_fault(as_admin.patch("recommenders/news", {"slug": "olds"})) == {"slug"}


def test_options_that_the_learner_lacks_are_refused_also_on_change(as_admin, news):
    refused = as_admin.patch("recommenders/news", {"learner_options": {"depth": 3}})
    assert fields_at_fault(refused) == {"learner_options"}


def test_deleting_takes_history_samples_and_files_along(as_admin, live):
    log = SampleLog(live.recommender)
    assert as_admin.delete("recommenders/news").status_code == 204
    assert as_admin.get("recommenders/news").status_code == 404
    assert not UpdateRun.objects.exists()
    assert not artifacts().folder(live.digest).exists()
    assert log.head().last_offset == 0


def test_files_that_another_recommender_shares_stay(as_admin, live, make_recommender, make_version):
    make_version(make_recommender("twin"), digest=live.digest)
    as_admin.delete("recommenders/news")
    assert artifacts().open(live.digest)


def test_it_is_not_deleted_under_a_run(as_admin, news, make_run):
    run = make_run(news)
    response = as_admin.delete("recommenders/news")
    assert response.status_code == 409
    assert response.json()["run"] == f"/api/v1/updates/{run.pk}"
    assert Recommender.objects.exists()
