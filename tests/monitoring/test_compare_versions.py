"""Two versions side by side."""

from datetime import timedelta

import pytest

from monitoring.version_comparison import compared
from tests.monitoring.conftest import NOW, text

NEWS = "/recommenders/news/versions/compare/"
JUDGED = {"samples": 500, "ne": 0.8, "log_loss": 0.5, "auc": 0.7, "calibration": 1.0}


@pytest.fixture
def news(make_recommender):
    return make_recommender("news")


def rows(a, b):
    return {row.figure: row for group in compared(a, b) for row in group.rows}


def test_figures_stand_side_by_side_with_their_difference(news, make_live):
    sparsity = {"seen": 1_000, "admitted": 900, "non_zero": 400, "deployed_bytes": 4_096}
    a = make_live(news, sparsity=sparsity)
    more = sparsity | {"non_zero": 1_500, "deployed_bytes": 2_048}
    b = make_live(news, sparsity=more, watermark=NOW + timedelta(minutes=3), next_offset=21)
    found = rows(a, b)
    assert (found["non-zero"].a, found["non-zero"].b) == ("400", "1,500")
    assert found["non-zero"].difference == "+1,100"
    assert found["deployed-bytes"].difference == "−2.0 KiB"
    assert found["watermark"].difference == "3 min later"
    assert found["next-offset"].difference == "+10"
    assert found["features-seen"].difference == "same"


def test_versions_judged_on_the_same_samples_are_compared_on_those(news, make_live):
    a = make_live(news, metrics={"candidate": JUDGED | {"ne": 0.9}})
    reference = JUDGED | {"ne": 0.85}
    judged = {"candidate": JUDGED, "reference": reference, "reference_version": a.number}
    b = make_live(news, metrics=judged)
    quality = compared(a, b)[0]
    assert quality.note == "Both on the 500 held-out samples that judged version 2."
    assert (quality.rows[0].a, quality.rows[0].b) == ("0.8500", "0.8000")
    assert quality.rows[0].difference == "−0.0500"
    back = compared(b, a)[0]
    assert (back.rows[0].a, back.rows[0].difference) == ("0.8000", "+0.0500")


def test_versions_judged_each_on_its_own_samples_say_so(news, make_live):
    a, b = (make_live(news, metrics={"candidate": JUDGED}) for _ in range(2))
    assert "Each on its own held-out samples" in compared(a, b)[0].note


def test_what_is_not_known_has_no_difference(news, make_live):
    a, b = make_live(news), make_live(news, metrics={"candidate": JUDGED})
    found = rows(a, b)
    assert (found["ne"].a, found["ne"].b, found["ne"].difference) == ("–", "0.8000", "")
    assert (found["cpu-seconds"].a, found["cpu-seconds"].difference) == ("–", "")


def test_many_ranges_are_said_by_their_ends(news, make_live):
    ranges = [{"first_offset": 10 * i + 1, "last_offset": 10 * i + 5} for i in range(4)]
    found = rows(make_live(news), make_live(news, learned_ranges=ranges))
    assert (found["learned-ranges"].a, found["learned-ranges"].b) == ("1–10", "1–35 in 4 ranges")


def test_the_page_compares_the_versions_of_the_address(as_viewer, news, make_live):
    for _ in range(3):
        make_live(news)
    assert "Version 1 against version 3" in text(as_viewer.get(f"{NEWS}?a=1&b=3"))


def test_without_numbers_the_live_version_is_compared_with_the_one_before(
    as_viewer, news, make_live
):
    for _ in range(3):
        make_live(news)
    assert "Version 2 against version 3" in text(as_viewer.get(NEWS))


@pytest.mark.parametrize("wrong", ["a=9", "b=x", "a=²"])
def test_a_version_that_is_not_there_is_not_found(as_viewer, news, make_live, wrong):
    make_live(news)
    assert as_viewer.get(f"{NEWS}?{wrong}").status_code == 404
