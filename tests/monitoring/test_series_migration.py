"""Points kept before there were resolutions are brought over, and rolled up as others are."""

from datetime import timedelta

import pytest
from django.db import connection

from monitoring import series
from monitoring.models import HourPoint, MinutePoint, Point, TenSecondPoint
from monitoring.roll_up import roll_up
from tests.conftest import migration_graph
from tests.monitoring.conftest import NOW
from updates.models import Recommender

BEFORE = [("monitoring", "0003_series_by_component")]
START = int(NOW.timestamp())


@pytest.fixture
def brought_over(migrate):
    """A recommender whose points were recorded before."""
    apps = migrate(BEFORE)
    recommender = Recommender.objects.create(slug="news", schema={})
    old = apps.get_model("monitoring", "Series").objects.create(
        recommender_id=recommender.pk, name="ne"
    )
    for seconds, value in ((0, 1.0), (10, 3.0), (3600, 5.0)):
        apps.get_model("monitoring", "Point").objects.create(
            series_id=old.pk, resolution=10, t=START + seconds, value=value
        )
    # As far as the present models: the recommender is deleted through them.
    migrate(migration_graph().leaf_nodes("monitoring"))
    return recommender


def test_points_of_before_are_read_and_rolled_up(brought_over):
    end = NOW + timedelta(hours=2)
    found = series.read(brought_over, "ne", NOW, end)
    assert [value for _, value in found] == [1, 3, 5]
    roll_up(end + timedelta(hours=1))
    for model in (MinutePoint, HourPoint):
        assert list(model.objects.order_by("t").values_list("value", "count")) == [(2, 2), (5, 1)]


def test_a_process_of_the_previous_release_still_writes_and_the_recommender_can_go(brought_over):
    recorded = series.Series.objects.get()
    Point.objects.bulk_create(
        [Point(series=recorded, resolution=10, t=START, value=2.0)],
        update_conflicts=True,
        unique_fields=["series", "resolution", "t"],
        update_fields=["value"],
    )
    brought_over.delete()
    assert not Point.objects.exists()


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL covers by its index")
@pytest.mark.parametrize("model", [TenSecondPoint, MinutePoint, HourPoint])
def test_the_rows_of_a_series_lie_together(model):
    with connection.cursor() as cursor:
        cursor.execute("SELECT wr FROM pragma_table_list WHERE name = %s", [model._meta.db_table])
        assert cursor.fetchone() == (1,)
