"""POST recommenders/{slug}/score."""

import pytest

from updates.serving.scorer import Scorer

SCORE = "recommenders/news/score"


@pytest.fixture(autouse=True)
def _own_scorer(monkeypatch):
    scorer = Scorer()
    monkeypatch.setattr("updates.serving.scorer.process_scorer", lambda: scorer)


def test_scores_come_with_the_version_that_gave_them(as_viewer, live):
    scored = as_viewer.post(SCORE, {"rows": [{"item": "i1"}, {"item": "i2", "user": "u1"}]}).json()
    assert len(scored["scores"]) == 2
    assert scored["scores"][0] != scored["scores"][1]
    assert (scored["version"], scored["offset"]) == (1, 1000)
    assert scored["age_seconds"] > 0


def test_the_same_row_gets_the_same_score_wherever_it_stands(as_viewer, live):
    row = {"item": "i3", "user": "u9"}
    scores = as_viewer.post(SCORE, {"rows": [row, {"item": "i1"}, row]}).json()["scores"]
    assert scores[0] == scores[2]


def test_without_a_live_version_it_says_so(as_viewer, news):
    response = as_viewer.post(SCORE, {"rows": [{"item": "i1"}]})
    assert response.status_code == 409
    assert response.json()["type"].endswith("no-live-version")


def test_a_bad_row_is_named(as_viewer, live):
    response = as_viewer.post(SCORE, {"rows": [{"item": "i1"}, {"price": "cheap"}]})
    assert response.status_code == 400
    [error] = response.json()["errors"]
    assert (error["row"], error["field"]) == (1, "price")


def test_a_row_that_is_no_object_is_named(as_viewer, live):
    response = as_viewer.post(SCORE, {"rows": [{"item": "i1"}, "i2"]})
    assert response.status_code == 400
    [error] = response.json()["errors"]
    assert error["field"] == "rows.1"


@pytest.mark.parametrize(
    "body", [{}, {"rows": []}, {"rows": "i1"}, {"rows": ["i1"]}, {"rows": None}, {"row": [{}]}, []]
)
def test_a_body_without_rows_is_refused(body, as_viewer, news):
    assert as_viewer.post(SCORE, body).status_code == 400
