"""Versions, runs, deployments, segments and receipts, to be read."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.updates.admin.conftest import address, policy_data
from updates.flows.cancel import cancel


def read(client, name, row):
    answer = client.get(address(f"{name}_change", row.pk))
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_version_shows_what_it_learned_and_how_good_it_is(as_viewer, make_version):
    version = make_version()
    page = read(as_viewer, "modelversion", version)
    assert "&quot;last_offset&quot;: 1" in page
    assert "&quot;ne&quot;: 0.9" in page
    assert version.digest in page


def test_a_run_shows_its_moves_and_who_made_them(as_viewer, operator, recommender):
    run = recommender.runs.create(strategy="full", components=["weights"])
    cancel(run, by=operator, reason="a mistake")
    page = read(as_viewer, "updaterun", run)
    for shown in ("Queued", "Cancelled", "a mistake", "operator", "the whole log"):
        assert shown in page


def test_a_deployment_shows_what_was_live_before_and_why(as_viewer, make_version):
    first, second = make_version(), make_version()
    page = read(as_viewer, "deployment", second.deployments.get())
    assert address("modelversion_change", first.pk) in page
    assert "better" in page


def test_a_segment_shows_its_offsets(as_viewer, recommender, hourly):
    segment = recommender.segments.create(
        first_offset=1,
        last_offset=70_001,
        min_event_time=hourly.created_at,
        max_event_time=hourly.created_at,
        path="samples/r1/1.parquet",
        sha256="0" * 64,
        bytes=2048,
    )
    assert "70001" in read(as_viewer, "segment", segment)


def test_a_receipt_is_kept_to_be_read_again(as_operator, hourly):
    as_operator.post(address("updatepolicy_change", hourly.pk), policy_data(interval_seconds="60"))
    page = read(as_operator, "cadencechange", hourly.cadence_changes.get())
    assert "fires every 1 min; it fired every 1 h." in page


@pytest.mark.parametrize("name", ["modelversion", "updaterun", "deployment", "cadencechange"])
def test_a_list_asks_as_much_of_the_database_for_many_rows_as_for_one(
    as_admin, hourly, make_version, name
):
    def add(seconds):
        make_version()
        hourly.recommender.runs.create(
            strategy="full", components=["weights"], policy=hourly, state="failed"
        )
        data = policy_data(interval_seconds=seconds)
        as_admin.post(address("updatepolicy_change", hourly.pk), data)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            as_admin.get(address(f"{name}_changelist"))
        return len(captured)

    add(60)
    for_one = queries()
    add(120)
    add(180)
    assert queries() == for_one
