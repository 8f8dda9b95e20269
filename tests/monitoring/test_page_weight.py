"""How much a page makes a browser load: HTML, styles and scripts, as sent (Lighthouse's weight)."""

import gzip
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.utils import timezone

from monitoring.series import Measurement, record_all
from monitoring.views.fleet import ROWS
from updates.flows.append_samples import append_samples
from updates.models import UpdateRun

MOST = 500_000


@pytest.fixture
def full_page(valkey, make_recommender, make_live, make_policy, make_batch):
    """As many recommenders as a page of the fleet shows, each with all that a row can show."""
    now = timezone.now()
    for i in range(ROWS):
        found = make_recommender(slug=f"news-{i}", tags=["eu", "homepage"])
        make_live(found, watermark=now - timedelta(hours=2), next_offset=1)
        make_policy(found)
        append_samples(found, make_batch(20), batch_id="one")
        minutes = [now - timedelta(minutes=m) for m in range(60)]
        record_all(Measurement(found.pk, "ne", 0.8 + at.minute / 100, at) for at in minutes)
        UpdateRun.objects.create(
            recommender=found, strategy="full", components=["weights"], finished_at=now
        )


def weight(client, path):
    """Bytes of a page with its styles and scripts, as sent."""
    page = client.get(path, headers={"Accept-Encoding": "gzip"})
    packed = page.headers.get("Content-Encoding") == "gzip"
    html = gzip.decompress(page.content) if packed else page.content
    assets = re.findall(
        r'(?:<script src|<link rel="stylesheet" href)="/static/([^"]+)"', html.decode()
    )
    files = [Path(finders.find(name)).read_bytes() for name in assets]
    # WhiteNoise sends what collectstatic has packed.
    return len(page.content) + sum(len(gzip.compress(file)) for file in files)


@pytest.mark.parametrize("path", ["/", "/recommenders/news-0/"])
def test_a_page_makes_a_browser_load_at_most_500_kb(as_operator, full_page, path):
    assert weight(as_operator, path) <= MOST


def test_the_fleet_refreshes_with_a_twentieth_of_that(as_operator, full_page):
    poll = {"HX-Request": "true", "Accept-Encoding": "gzip"}
    assert len(as_operator.get("/", headers=poll).content) <= MOST / 20
