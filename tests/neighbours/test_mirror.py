"""Versions in MLflow, told to a real server by its own client."""

from datetime import timedelta

import pytest
from django.utils import timezone

from neighbours.mlflow import mirror as module
from neighbours.mlflow.mirror import mirror, waiting
from neighbours.models import MirroredVersion, Neighbour
from updates.flows.deploy import deploy
from updates.models.deployment import DeploymentKind
from updates.models.version import VersionState

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("mlflow")]
SECRET = "tops3cret"


def live(version):
    return deploy(version, kind=DeploymentKind.PROMOTION, reason="a test")


def later():
    """When everything may be tried again."""
    return timezone.now() + timedelta(hours=1)


def runs_of(mlflow, slug):
    experiment = mlflow.get_experiment_by_name(slug)
    return mlflow.search_runs([experiment.experiment_id]) if experiment else []


class Killed(BaseException):
    pass


@pytest.fixture
def killed_after(monkeypatch):
    """``killed_after(call)``: the process ends when the server has answered that call."""

    def arm(name):
        from mlflow import MlflowClient

        real = getattr(MlflowClient, name)

        def call(self, *args, **kwargs):
            real(self, *args, **kwargs)
            raise Killed

        monkeypatch.setattr(MlflowClient, name, call)

    return arm


@pytest.mark.django_db(transaction=True)
def test_a_version_becomes_a_run_with_what_was_measured_and_a_registered_version(
    mlflow, make_recommender, append, update, slug
):
    recommender = make_recommender(slug, learner_options={"alpha": 0.5})
    append(recommender, 1000)
    made = update(recommender, "full")
    mirror(timezone.now())
    [run] = runs_of(mlflow, slug)
    version = made.result_version
    assert run.info.status == "FINISHED"
    assert run.info.run_name == f"{slug} v1"
    assert run.data.params["learner"] == "sparse_linear"
    assert run.data.params["strategy"] == "full"
    assert run.data.params["options.alpha"] == "0.5"
    assert run.data.params["watermark"] == version.watermark.isoformat()
    [learned] = version.learned_ranges
    first, last = learned["first_offset"], learned["last_offset"]
    assert run.data.params["sample_ranges"] == f"{first}–{last}"
    quality = version.metrics["candidate"]
    for name in ("ne", "log_loss", "auc", "calibration"):
        assert run.data.metrics[name] == pytest.approx(quality[name])
    assert run.data.metrics["cost.samples"] == made.samples
    assert run.data.metrics["cost.cpu_seconds"] == pytest.approx(made.cpu_seconds)
    assert run.data.metrics["sparsity.non_zero"] == version.sparsity["non_zero"]
    assert run.data.tags["recadmin.page"].endswith(f"/recommenders/{slug}/versions/1/")
    assert run.data.tags["recadmin.verdict"] == version.metrics["verdict"]
    registered = mlflow.get_model_version_by_alias(slug, "live")
    assert (registered.version, registered.run_id) == ("1", run.info.run_id)
    address = registered.tags["recadmin.artifact"]
    assert address.endswith(f"/api/v1/recommenders/{slug}/versions/1/artifact")
    assert registered.tags["recadmin.state"] == VersionState.LIVE
    assert waiting() == 0


def test_the_alias_follows_promotions_and_roll_backs_and_states_go_with_it(
    mlflow, make_recommender, make_version, slug
):
    recommender = make_recommender(slug)
    one, two = make_version(recommender), make_version(recommender)
    live(one)
    mirror(timezone.now())
    assert mlflow.get_model_version_by_alias(slug, "live").version == "1"
    live(two)
    mirror(timezone.now())
    assert mlflow.get_model_version_by_alias(slug, "live").version == "2"
    deploy(one, kind=DeploymentKind.ROLLBACK, reason="worse")
    mirror(timezone.now())
    assert mlflow.get_model_version_by_alias(slug, "live").version == "1"
    mirror(timezone.now())
    for number, state in (("1", VersionState.LIVE), ("2", VersionState.RETIRED)):
        registered = mlflow.get_model_version(slug, number)
        assert registered.tags["recadmin.state"] == state
        assert mlflow.get_run(registered.run_id).data.tags["recadmin.state"] == state


def test_a_rejected_version_is_told_too_and_has_no_alias(
    mlflow, make_recommender, make_version, slug
):
    make_version(make_recommender(slug)).move(VersionState.REJECTED, "NE rose")
    mirror(timezone.now())
    [run] = runs_of(mlflow, slug)
    assert run.data.tags["recadmin.state"] == VersionState.REJECTED
    assert mlflow.get_registered_model(slug).aliases == {}


@pytest.mark.parametrize(
    "call",
    ["create_run", "log_batch", "set_terminated", "create_model_version"],
)
def test_killed_after_a_call_and_before_the_note_there_is_no_twin(
    mlflow, make_recommender, make_version, slug, killed_after, monkeypatch, call
):
    recommender = make_recommender(slug)
    make_version(recommender, metrics={"candidate": {"ne": 0.8}})
    with monkeypatch.context(), pytest.raises(Killed):
        killed_after(call)
        mirror(timezone.now())
    monkeypatch.undo()
    assert MirroredVersion.objects.get().told_at is None
    mirror(later())
    [run] = runs_of(mlflow, slug)
    assert (run.info.status, run.data.metrics["ne"]) == ("FINISHED", 0.8)
    assert len(mlflow.get_metric_history(run.info.run_id, "ne")) == 1
    assert len(mlflow.search_model_versions(f"name='{slug}'")) == 1


def test_a_server_that_is_down_delays_and_each_version_is_told_once_when_it_is_up(
    mlflow, make_recommender, make_version, slug, settings
):
    address = settings.MLFLOW_TRACKING_URI
    recommender = make_recommender(slug)
    make_version(recommender)
    settings.MLFLOW_TRACKING_URI = "http://127.0.0.1:9"
    mirror(timezone.now())
    make_version(recommender)
    neighbour = Neighbour.objects.get()
    assert (neighbour.failures, waiting()) == (1, 2)
    settings.MLFLOW_TRACKING_URI = address
    mirror(timezone.now())
    assert runs_of(mlflow, slug) == []
    mirror(later())
    assert len(runs_of(mlflow, slug)) == 2
    mirror(later())
    assert len(runs_of(mlflow, slug)) == 2
    neighbour.refresh_from_db()
    assert (neighbour.failures, neighbour.error, waiting()) == (0, "", 0)


def test_what_the_server_refuses_holds_nothing_else_up(
    mlflow, make_recommender, make_version, slug
):
    mlflow.delete_experiment(mlflow.create_experiment(f"{slug}-gone"))
    make_version(make_recommender(f"{slug}-gone"))
    make_version(make_recommender(slug))
    mirror(timezone.now())
    assert len(runs_of(mlflow, slug)) == 1
    refused = MirroredVersion.objects.get(told_at=None)
    assert refused.failures == 1
    assert "deleted" in refused.error
    assert Neighbour.objects.get().failures == 0


def test_two_ticks_at_once_tell_nothing_twice(mlflow, make_recommender, make_version, slug):
    make_version(make_recommender(slug))
    neighbour = Neighbour.objects.create(name="mlflow")
    assert neighbour.claim(timezone.now())
    mirror(timezone.now())
    assert runs_of(mlflow, slug) == []


def test_the_prefix_keeps_two_installations_apart(
    mlflow, make_recommender, make_version, slug, settings
):
    settings.MLFLOW_NAME_PREFIX = "staging."
    live(make_version(make_recommender(slug)))
    mirror(timezone.now())
    assert runs_of(mlflow, slug) == []
    assert mlflow.get_model_version_by_alias(f"staging.{slug}", "live").version == "1"


def test_a_user_and_password_are_in_no_error_and_no_log(
    mlflow, make_recommender, make_version, slug, settings, caplog
):
    settings.MLFLOW_TRACKING_URI = f"http://someone:{SECRET}@127.0.0.1:9"
    make_version(make_recommender(slug))
    mirror(timezone.now())
    error = Neighbour.objects.get().error
    assert "127.0.0.1" in error
    assert SECRET not in error + caplog.text
    assert "someone" not in error + caplog.text


def test_a_change_of_state_long_ago_is_found_in_turn(
    mlflow, make_recommender, make_version, slug, monkeypatch
):
    monkeypatch.setattr(module, "COMPARED_AT_ONCE", 1)
    recommender = make_recommender(slug)
    versions = [make_version(recommender) for _ in range(3)]
    mirror(timezone.now())
    versions[2].move(VersionState.QUARANTINED, "poisoned")
    for _ in versions:
        mirror(timezone.now())
    mirror(timezone.now())
    assert mlflow.get_model_version(slug, "3").tags["recadmin.state"] == VersionState.QUARANTINED


def test_what_was_deleted_in_mlflow_is_not_told_of_changes(
    mlflow, make_recommender, make_version, slug
):
    version = make_version(make_recommender(slug))
    mirror(timezone.now())
    mlflow.delete_registered_model(slug)
    version.move(VersionState.REJECTED, "late")
    mirror(timezone.now())
    mirrored = MirroredVersion.objects.get()
    assert (mirrored.told_state, mirrored.failures) == (VersionState.REJECTED, 0)
