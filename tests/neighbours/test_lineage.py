"""Runs as OpenLineage has them: sent by the package's own transport, held against its schemas."""

import json
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings as django_settings
from django.utils import timezone
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from neighbours.lineage.facet import KEY, SCHEMA
from neighbours.lineage.tell import tell_lineage, waiting
from neighbours.models import LineageRun, Neighbour
from tests.receiver import Receiver
from updates.models import UpdatePolicy, UpdateRun
from updates.models.run import RunState

pytestmark = pytest.mark.django_db
SPEC = Path(__file__).parent / "openlineage"
OURS = django_settings.BASE_DIR / "neighbours" / SCHEMA.removeprefix("/")
SECRET = "tops3cret"


@pytest.fixture(scope="session")
def registry():
    """OpenLineage's schemas by their address, and ours by its."""
    schemas = [json.loads(path.read_text()) for path in SPEC.glob("*.json")]
    known = Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in schemas
    )
    ours = Resource.from_contents(json.loads(OURS.read_text()))
    return known.with_resource(django_settings.PUBLIC_URL + SCHEMA, ours)


@pytest.fixture(autouse=True)
def _environment(monkeypatch, tmp_path):
    """The package writes to the environment itself; and no file of this machine is read."""
    monkeypatch.setattr("os.environ", {"HOME": str(tmp_path), "PATH": ""})
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def receiver(monkeypatch, settings):
    """A lineage backend, which the environment names; ``events()``: what it has taken."""
    backend = Receiver(status=201)
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{backend.port}")
    settings.OPENLINEAGE = True
    # What has happened before it is there is not told.
    tell_lineage(timezone.now())
    backend.events = lambda: [json.loads(body) for _, body in backend.received]
    yield backend
    backend.close()


def valid(event, registry):
    """Of the spec, and each of its facets of the schema that it names."""
    subject = [("RunEvent", event, event["schemaURL"])]
    holders = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
    for holder in holders:
        for kind in ("facets", "inputFacets", "outputFacets"):
            for name, facet in holder.get(kind, {}).items():
                subject.append((name, facet, facet["_schemaURL"]))
    for name, value, schema in subject:
        check = Draft202012Validator(
            {"$ref": schema}, registry=registry, format_checker=FormatChecker()
        )
        errors = [error.message for error in check.iter_errors(value)]
        assert errors == [], f"{name}: {errors}"
    return event


def later():
    return timezone.now() + timedelta(hours=1)


def types(receiver):
    return [event["eventType"] for event in receiver.events()]


@pytest.mark.django_db(transaction=True)
def test_an_update_starts_and_completes_with_what_it_read_and_made(
    make_recommender, append, update, receiver, registry
):
    recommender = make_recommender(learner_options={"alpha": 0.5})
    append(recommender, 1000)
    run = update(recommender, "full")
    tell_lineage(timezone.now())
    start, complete = (valid(event, registry) for event in receiver.events())
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert UUID(start["run"]["runId"])
    assert start["job"]["namespace"] == "recadmin"
    assert start["job"]["name"] == "news.full"
    assert start["outputs"] == []
    [samples] = complete["inputs"]
    assert samples["name"] == "news.samples"
    fields = [field["name"] for field in samples["facets"]["schema"]["fields"]]
    assert fields == recommender.sample_schema.arrow.names
    assert samples["inputFacets"]["inputStatistics"]["rowCount"] == run.samples
    [model] = complete["outputs"]
    assert model["name"] == "news.model"
    assert model["facets"]["version"]["datasetVersion"] == "1"
    told = complete["run"]["facets"][KEY]
    assert (told["run"], told["version"], told["state"]) == (run.pk, 1, "promoted")
    assert told["normalizedEntropy"] == pytest.approx(run.metrics["candidate"]["ne"])
    assert told["page"].endswith(f"/runs/{run.pk}/")
    assert waiting() == 0


@pytest.mark.django_db(transaction=True)
def test_an_incremental_update_reads_the_version_that_it_builds_on(
    make_recommender, append, update, receiver, registry
):
    recommender = make_recommender(learner_options={"alpha": 0.5})
    append(recommender, 1000)
    update(recommender, "full")
    append(recommender, 200)
    update(recommender, "incremental")
    tell_lineage(timezone.now())
    complete = valid(receiver.events()[-1], registry)
    assert complete["job"]["name"] == "news.incremental"
    assert [data["name"] for data in complete["inputs"]] == ["news.samples", "news.model"]
    assert complete["inputs"][1]["facets"]["version"]["datasetVersion"] == "1"


@pytest.fixture
def begun(make_recommender, receiver):
    """A run that a worker has taken."""
    recommender = make_recommender()
    run = UpdateRun.objects.create(recommender=recommender, strategy="full", components=["weights"])
    run.claim("a worker", {}, timezone.now())
    return run


def test_a_failed_run_fails_with_its_error(begun, receiver, registry):
    begun.move(RunState.FAILED, why="the disk is full")
    tell_lineage(timezone.now())
    assert types(receiver) == ["START", "FAIL"]
    failed = valid(receiver.events()[-1], registry)
    assert failed["run"]["facets"]["errorMessage"]["message"] == "the disk is full"


def test_a_cancelled_run_aborts(begun, receiver, registry):
    begun.move(RunState.CANCELLED, why="not now")
    tell_lineage(timezone.now())
    assert types(receiver) == ["START", "ABORT"]
    assert valid(receiver.events()[-1], registry)["run"]["facets"][KEY]["why"] == "not now"


def test_a_run_whose_worker_died_starts_once_and_goes_on(begun, receiver):
    begun.move(RunState.QUEUED, why="its worker died")
    begun.claim("another", {}, timezone.now())
    begun.move(RunState.FAILED, why="again")
    tell_lineage(timezone.now())
    assert types(receiver) == ["START", "RUNNING", "FAIL"]


def test_what_never_began_is_told_only_where_it_failed(make_recommender, receiver, registry):
    recommender = make_recommender()
    for state in (RunState.CANCELLED, RunState.FAILED):
        run = UpdateRun.objects.create(
            recommender=recommender, strategy="full", components=["weights"]
        )
        run.move(state, why="a test")
    tell_lineage(timezone.now())
    assert types(receiver) == ["START", "FAIL"]
    assert {event["run"]["facets"][KEY]["run"] for event in receiver.events()} == {run.pk}
    tell_lineage(timezone.now())
    assert (len(receiver.events()), waiting()) == (2, 0)


def test_the_fire_of_a_schedule_is_its_nominal_time(make_recommender, receiver, registry):
    recommender = make_recommender()
    policy = UpdatePolicy.objects.create(
        recommender=recommender, name="hourly", strategy="full", interval_seconds=3600
    )
    due = timezone.now() - timedelta(seconds=3)
    run = UpdateRun.objects.create(
        recommender=recommender, policy=policy, strategy="full", components=["weights"], due_at=due
    )
    run.claim("a worker", {}, timezone.now())
    tell_lineage(timezone.now())
    [start] = receiver.events()
    facets = valid(start, registry)["run"]["facets"]
    assert facets["nominalTime"]["nominalStartTime"] == due.isoformat()
    assert facets[KEY]["policy"] == "hourly"


def test_what_had_ended_before_is_not_told(make_recommender, monkeypatch, settings):
    recommender = make_recommender()
    old = UpdateRun.objects.create(recommender=recommender, strategy="full", components=["weights"])
    old.move(RunState.FAILED, why="long ago")
    tell_lineage(timezone.now())
    assert not LineageRun.objects.exists()
    assert waiting() == 0


def test_a_backend_that_is_down_delays_and_each_event_is_sent_once_when_it_is_up(begun, receiver):
    receiver.status = 503
    tell_lineage(timezone.now())
    begun.move(RunState.FAILED, why="the disk is full")
    assert Neighbour.objects.get().failures == 1
    assert waiting() == 1
    receiver.status = 201
    tell_lineage(timezone.now())
    assert receiver.events() == []
    tell_lineage(later())
    tell_lineage(later())
    assert types(receiver) == ["START", "FAIL"]
    assert Neighbour.objects.get().error == ""


def test_a_failing_backend_is_asked_once_a_tick(begun, receiver):
    receiver.status = 503
    tell_lineage(timezone.now())
    assert len(receiver.refused) == 1


def test_killed_between_the_event_and_the_note_it_is_the_same_event_again(
    begun, receiver, monkeypatch
):
    class Killed(BaseException):
        pass

    def killed(self, **fields):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(LineageRun, "note", killed)
        tell_lineage(timezone.now())
    tell_lineage(later())
    first, again = receiver.events()
    assert first == again


def test_what_the_backend_refuses_holds_no_other_run_up(begun, receiver, make_recommender):
    receiver.status = 422
    tell_lineage(timezone.now())
    assert Neighbour.objects.get().failures == 0
    assert LineageRun.objects.get().failures == 1
    receiver.status = 201
    other = UpdateRun.objects.create(
        recommender=begun.recommender, strategy="local", components=["weights"]
    )
    other.claim("a worker", {}, timezone.now())
    tell_lineage(timezone.now())
    assert [event["job"]["name"] for event in receiver.events()] == ["news.local"]
    tell_lineage(later())
    assert len(receiver.events()) == 2


def test_runs_of_two_installations_are_two_runs(begun, receiver, settings):
    tell_lineage(timezone.now())
    settings.PUBLIC_URL = "https://elsewhere.example"
    LineageRun.objects.update(told_to=0)
    tell_lineage(timezone.now())
    here, there = receiver.events()
    assert here["run"]["runId"] != there["run"]["runId"]


def test_a_file_named_by_openlineage_s_own_configuration_gets_the_events(
    make_recommender, monkeypatch, tmp_path, registry
):
    events = tmp_path / "events.ndjson"
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(events))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", "true")
    tell_lineage(timezone.now())
    run = UpdateRun.objects.create(
        recommender=make_recommender(), strategy="full", components=["weights"]
    )
    run.claim("a worker", {}, timezone.now())
    tell_lineage(timezone.now())
    [line] = events.read_text().splitlines()
    assert valid(json.loads(line), registry)["eventType"] == "START"


@pytest.mark.parametrize(
    ("name", "value", "scheme"),
    [
        ("OPENLINEAGE_API_KEY", SECRET, "Bearer"),
        ("OPENLINEAGE_URL", f"http://someone:{SECRET}@127.0.0.1:{{}}", "Basic"),
    ],
)
def test_what_opens_the_backend_is_in_no_error_and_no_log(
    begun, receiver, monkeypatch, caplog, name, value, scheme
):
    caplog.set_level("DEBUG")
    monkeypatch.setenv(name, value.format(receiver.port))
    receiver.status = 401
    tell_lineage(timezone.now())
    [(headers, _)] = receiver.refused
    assert headers["Authorization"].startswith(scheme)
    error = Neighbour.objects.get().error
    assert "401" in error
    assert SECRET not in error + caplog.text
