"""The lines of the charts, alone and beside another recommender's."""

import pytest

from monitoring.drawn_charts import drawn_charts
from tests.monitoring.conftest import text


@pytest.fixture
def news(make_recommender, valkey):
    return make_recommender("news", name="News")


@pytest.fixture
def films(make_recommender):
    return make_recommender("films", name="Films")


def lines(charts, key):
    return next(drawn.lines for drawn in charts if drawn.chart.key == key)


def test_alone_a_chart_draws_its_own_lines_each_in_a_colour(news):
    age, lag = lines(drawn_charts(news), "freshness")
    assert (age.slug, age.label, age.dashed) == ("news", "age", False)
    assert (lag.label, lag.dashed) == ("lag", False)
    assert age.colour != lag.colour


def test_compared_the_other_s_lines_follow_dashed_named_and_in_other_colours(news, films):
    found = lines(drawn_charts(news, films), "freshness")
    assert [line.label for line in found] == ["news: age", "news: lag", "films: age", "films: lag"]
    assert [line.slug for line in found] == ["news", "news", "films", "films"]
    assert [line.dashed for line in found] == [False, False, True, True]
    assert len({line.colour for line in found}) == 4


def test_what_the_other_has_not_is_not_compared(news, films, make_policy):
    for each in (news, films):
        make_policy(each)
    make_policy(news, "live", strategy="online", trigger="continuous", interval_seconds=None)
    drawn = drawn_charts(news, films)
    assert {line.slug for line in lines(drawn, "learning-lag")} == {"news"}
    cadence = f"cadence-{news.policies.get(name='hourly').pk}"
    assert {line.slug for line in lines(drawn, cadence)} == {"news"}


def test_the_page_compares_with_the_recommender_that_the_address_names(as_viewer, news, films):
    page = as_viewer.get("/recommenders/news/?with=films").content.decode()
    assert 'data-api="/api/v1/recommenders/films/metrics"' in page
    assert '<option value="films">Films</option>' in page


def test_an_unknown_recommender_to_compare_with_is_said(as_viewer, news):
    words = text(as_viewer.get("/recommenders/news/?with=fims"))
    assert "There is no recommender “fims” to compare with." in words
