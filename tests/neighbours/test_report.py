"""Neighbours that are not there, are not set up, or do not answer: who is told, and of what."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from neighbours import checks
from neighbours.mlflow.mirror import mirror
from neighbours.models import MirroredVersion, Neighbour
from neighbours.report import findings, report
from recadmin import checks as health
from recadmin import environment

NOBODY = "http://127.0.0.1:9"
LOADS = """
import sys, django
django.setup()
from recadmin.celery import app
app.loader.import_default_modules()
import recadmin.urls
print(sorted(app.conf.beat_schedule))
print([name for name in ("mlflow", "openlineage") if name in sys.modules])
"""


def loaded(tmp_path, **named):
    """What a process of the installation has: its beat's tasks, and the packages loaded."""
    left = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "OPENLINEAGE_"))}
    own = {"DJANGO_SETTINGS_MODULE": "recadmin.settings", "RECADMIN_DATA": str(tmp_path)}
    printed = subprocess.run(
        [sys.executable, "-c", LOADS],
        env=left | own | named,
        check=True,
        capture_output=True,
        text=True,
    )
    schedule, packages = printed.stdout.splitlines()
    return schedule, packages


def test_without_the_settings_nothing_is_loaded_and_nothing_told(tmp_path):
    schedule, packages = loaded(tmp_path)
    assert packages == "[]"
    assert "mlflow" not in schedule
    assert "openlineage" not in schedule


def test_with_the_settings_they_are_told_and_loaded_only_then(tmp_path):
    schedule, packages = loaded(tmp_path, MLFLOW_TRACKING_URI=NOBODY, OPENLINEAGE_URL=NOBODY)
    assert packages == "[]"
    assert "mirror-to-mlflow" in schedule
    assert "tell-openlineage" in schedule


def test_a_package_that_is_missing_is_an_error_of_check(settings, monkeypatch):
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    assert checks.packages() == []
    settings.MLFLOW_TRACKING_URI = NOBODY
    settings.OPENLINEAGE = True
    assert [error.id for error in checks.packages()] == ["neighbours.E001", "neighbours.E002"]
    assert "the package mlflow is not installed" in checks.packages()[0].msg


def test_a_configuration_that_cannot_be_read_is_an_error_of_check(settings, monkeypatch, tmp_path):
    settings.OPENLINEAGE = True
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(tmp_path / "absent.yml"))
    [error] = checks.lineage_configuration()
    assert error.id == "neighbours.E003"
    (tmp_path / "absent.yml").touch()
    assert checks.lineage_configuration() == []


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({}, False),
        ({"OPENLINEAGE_URL": NOBODY}, True),
        ({"OPENLINEAGE_CONFIG": "openlineage.yml"}, True),
        ({"OPENLINEAGE__TRANSPORT__TYPE": "file"}, True),
        ({"OPENLINEAGE_URL": NOBODY, "OPENLINEAGE_DISABLED": "True"}, False),
        ({"OPENLINEAGE_NAMESPACE": "ours"}, False),
    ],
)
def test_lineage_is_told_where_the_environment_names_a_transport(monkeypatch, named, told):
    monkeypatch.setattr("os.environ", named)
    assert environment.openlineage() is told


@pytest.fixture
def unreachable(db, settings, make_recommender, make_version):
    """MLflow is set up and does not answer: one version waits."""
    settings.MLFLOW_TRACKING_URI = NOBODY
    make_version(make_recommender())
    mirror(timezone.now())


def test_the_command_says_what_waits_and_what_stands_in_the_way(unreachable, capsys):
    call_command("neighbours")
    mlflow, openlineage = capsys.readouterr().out.splitlines()
    assert mlflow.startswith("MLflow: never told; 1 wait, 0 are refused. 1 failures in a row")
    assert "127.0.0.1" in mlflow
    assert openlineage == "OpenLineage: not set up (docs/neighbours.md)."


def test_the_api_says_the_same(unreachable, as_viewer):
    mlflow, openlineage = as_viewer.get("/api/v1/neighbours").json()["neighbours"]
    assert (mlflow["name"], mlflow["enabled"], mlflow["waiting"]) == ("mlflow", True, 1)
    assert (mlflow["failures"], mlflow["told_at"]) == (1, None)
    assert "127.0.0.1" in mlflow["error"]
    assert (openlineage["name"], openlineage["enabled"]) == ("openlineage", False)


def test_the_page_of_the_workers_and_readyz_say_it_without_the_address(
    unreachable, as_viewer, valkey, monkeypatch
):
    found = findings()
    monkeypatch.setattr(health, "PROBES", [*health.PROBES, health.Probe(lambda: found, {})])
    page = as_viewer.get("/workers/").content.decode()
    assert "MLflow does not take what it is told (it never did): 1 wait." in page
    line = as_viewer.get("/readyz").json()["checks"]["mlflow"]
    assert (line["status"], line["do"]) == ("failed", "See “python manage.py neighbours”.")
    assert "127.0.0.1" not in str(line)


def test_a_neighbour_that_does_not_answer_is_left_alone_for_longer_and_longer(db):
    neighbour = Neighbour.objects.create(name="mlflow")
    waits = []
    for _ in range(12):
        neighbour.failed("no route")
        waits.append(neighbour.retry_at - neighbour.failed_at)
    assert waits[:3] == [timedelta(seconds=10 * 2**n) for n in range(3)]
    assert waits == sorted(waits)
    assert waits[-1] == timedelta(minutes=30)
    assert not neighbour.claim(timezone.now())
    neighbour.answered()
    assert neighbour.claim(timezone.now())
    assert not neighbour.claim(timezone.now())
    assert neighbour.claim(timezone.now() + timedelta(hours=1))


def test_what_is_refused_is_counted(db, settings, make_recommender, make_version):
    settings.MLFLOW_TRACKING_URI = NOBODY
    MirroredVersion.objects.create(version=make_version(make_recommender())).refused("too long")
    told = report()[0]
    assert (told.waiting, told.refused, told.error) == (1, 1, "too long")
    assert findings()["mlflow"].said == "MLflow refuses 1 of what it is told."
