"""The (i) beside each figure."""

import re

import pytest

from monitoring.figures import FIGURES
from tests.monitoring.conftest import text

NEWS = "/recommenders/news/"


@pytest.fixture
def compared(make_recommender, make_live, valkey):
    """Two versions, of which the first is retired."""
    news = make_recommender("news")
    make_live(news)
    judged = {"candidate": {"ne": 0.8, "log_loss": 0.5, "auc": 0.7, "calibration": 1.0}}
    make_live(news, metrics=judged)
    return news


@pytest.mark.parametrize("path", ["/", NEWS, f"{NEWS}versions/2/", f"{NEWS}versions/compare/"])
def test_every_i_opens_what_says_how_its_figure_is_computed(as_viewer, compared, path):
    page = as_viewer.get(path).content.decode()
    opened = set(re.findall('popovertarget="figure-([^"]+)"', page))
    assert opened
    assert opened <= FIGURES.keys()
    for key in opened:
        assert page.count(f'id="figure-{key}"') == 1
        assert page.count(f'id="i-{key}"') == 1


def test_sections_that_come_later_name_only_figures_that_the_page_defines(as_viewer, compared):
    for part in ("headline/", "joining/", "devices/", "drift/"):
        page = as_viewer.get(NEWS + part).content.decode()
        assert set(re.findall('popovertarget="figure-([^"]+)"', page)) <= FIGURES.keys()


def test_the_headline_says_how_the_age_is_computed(as_viewer, compared):
    assert FIGURES["age"].definition in text(as_viewer.get(NEWS)).replace("&#x27;", "'")
