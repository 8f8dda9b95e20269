"""Models of a real MLflow registry as versions of a recommender."""

import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from neighbours.mlflow.digest import folder_sha256
from neighbours.mlflow.mirror import mirror
from neighbours.models import ImportedVersion
from updates.flows.append_samples import append_samples
from updates.flows.promote import promote
from updates.flows.report_version import reported_as
from updates.models import AuditEvent, Deployment, ModelVersion

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("mlflow")]
WATERMARK = datetime(2026, 1, 1, 0, 15, tzinfo=UTC)


@pytest.fixture
def external(make_recommender, slug, valkey):
    """A recommender whose models come from MLflow."""
    return make_recommender(slug, learner="external")


@pytest.fixture
def model(slug):
    """The name of its model in MLflow."""
    return f"{slug} ranker"


@pytest.fixture
def register(mlflow, model, tmp_path):
    """``register(content, watermark, metrics)``: the next version, as a trainer registers it."""

    def add(content=b"\x80weights", watermark=WATERMARK, metrics=(), tag="recadmin.watermark"):
        experiment = mlflow.get_experiment_by_name(model)
        experiment = experiment.experiment_id if experiment else mlflow.create_experiment(model)
        if not mlflow.search_registered_models(f"name='{model}'"):
            mlflow.create_registered_model(model)
        run = mlflow.create_run(experiment)
        folder = tmp_path / "model"
        (folder / "data").mkdir(parents=True, exist_ok=True)
        (folder / "data/model.pkl").write_bytes(content)
        (folder / "MLmodel").write_text("flavors: {}")
        mlflow.log_artifacts(run.info.run_id, str(folder), "model")
        for name, value in dict(metrics).items():
            mlflow.log_metric(run.info.run_id, name, value)
        mlflow.set_terminated(run.info.run_id)
        tags = {tag: watermark.isoformat()} if watermark else {}
        source = f"{run.info.artifact_uri}/model"
        return mlflow.create_model_version(model, source, run.info.run_id, tags)

    return add


@pytest.fixture
def take(external, model, capsys):
    """``take(*options)``: import, and what it says, line by line."""

    def run(*options):
        call_command("import_mlflow", external.slug, model, *options)
        external.refresh_from_db()
        return capsys.readouterr().out.splitlines()

    return run


def test_versions_are_recorded_by_reference_with_what_is_known_of_them(
    external, model, register, take, tmp_path
):
    register(metrics={"auc": 0.75, "loss": float("nan")})
    assert take() == [f"{model} 1 is version 1."]
    version = external.versions.get()
    assert (version.learner, version.watermark, version.learned_ranges) == (
        "external",
        WATERMARK,
        [],
    )
    assert version.metrics["reported"] == {"auc": 0.75}
    assert version.name == f"{model}/1"
    said = reported_as(version)
    assert said["uri"] == f"models:/{model}/1"
    assert said["sha256"] == folder_sha256(tmp_path / "model")
    assert external.live_version is None


def test_again_only_what_is_new_is_recorded(external, model, register, take):
    register()
    take()
    register(b"other weights", WATERMARK + timedelta(hours=1))
    assert take() == [f"{model} 2 is version 2."]
    assert take() == ["Nothing is new."]
    digests = {reported_as(version)["sha256"] for version in external.versions.all()}
    assert len(digests) == external.versions.count() == 2


def test_the_alias_decides_what_is_live_when_it_moves_and_not_else(
    external, model, register, take, mlflow
):
    for hour in range(2):
        register(watermark=WATERMARK + timedelta(hours=hour))
    mlflow.set_registered_model_alias(model, "champion", "2")
    assert take("--alias", "champion")[-1] == "Version 2 is live now."
    deployment = Deployment.objects.get()
    assert deployment.reason == f"MLflow's {model}@champion names version 2"
    assert AuditEvent.objects.filter(action="promoted", why=deployment.reason).exists()
    promote(external.versions.get(number=1), reason="the other one was worse")
    assert take("--alias", "champion") == [
        f"What is live has not changed: {model}@champion still names version 2."
    ]
    assert external.live_version.number == 1
    mlflow.set_registered_model_alias(model, "champion", "1")
    assert "version 1 is live already" in take("--alias", "champion")[-1]
    mlflow.set_registered_model_alias(model, "champion", "2")
    assert take("--alias", "champion")[-1] == "Version 2 is live now."


@pytest.mark.parametrize(
    ("watermark", "why"),
    [
        ("", "neither it nor its run has the tag recadmin.watermark"),
        ("yesterday", "is no time of ISO 8601: yesterday"),
        ("2026-01-01T00:15:00", "names no offset from UTC"),
        ("2126-01-01T00:15:00Z", "Lies in the future"),
    ],
)
def test_a_version_without_an_event_time_is_left_out_and_said_to_be(
    external, model, register, take, mlflow, watermark, why
):
    made = register(watermark=None)
    if watermark:
        mlflow.set_model_version_tag(model, made.version, "recadmin.watermark", watermark)
    [line] = take()
    assert line.startswith("Version 1 was left out: ")
    assert why in line
    assert not external.versions.exists()


def test_an_alias_of_what_was_left_out_makes_nothing_live(external, model, register, take, mlflow):
    register(watermark=None)
    mlflow.set_registered_model_alias(model, "champion", "1")
    with pytest.raises(CommandError, match="names version 1, which was left out"):
        take("--alias", "champion")


def test_the_watermark_may_be_in_another_tag_or_with_the_run(
    external, model, register, take, mlflow
):
    register(tag="trained.until")
    second = register(watermark=None)
    mlflow.set_tag(second.run_id, "trained.until", WATERMARK.isoformat())
    assert len(take("--watermark-tag", "trained.until")) == 2
    assert set(external.versions.values_list("watermark", flat=True)) == {WATERMARK}


def test_what_follows_the_watermark_is_not_learned_yet(
    external, register, take, make_rows, make_batch
):
    append_samples(external, make_batch(make_rows(30)), batch_id="rows")
    seventh = make_rows(30)[7]["event_time"]
    register(watermark=seventh)
    take()
    assert external.versions.get().next_offset == 9


def test_a_model_whose_files_are_out_of_reach_has_no_sha256(
    external, model, register, take, mlflow
):
    made = register()
    source = made.source.replace("/model", "/absent")
    mlflow.create_model_version(model, source, made.run_id, made.tags)
    lines = take()[1:]
    assert lines[0] == f"{model} 2 is version 2."
    assert lines[1].startswith("Version 2 has no SHA-256: ")
    assert reported_as(external.versions.get(number=2))["sha256"] == ""


def test_what_recadmin_mirrors_is_not_imported_nor_the_other_way_round(
    external, model, register, take, mlflow, make_recommender, make_version, settings
):
    register()
    mlflow.set_registered_model_alias(model, "champion", "1")
    take("--alias", "champion")
    mirror(timezone.now())
    assert mlflow.search_registered_models(f"name='{external.slug}'") == []
    settings.MLFLOW_NAME_PREFIX = ""
    other = make_recommender(f"{external.slug}-ours")
    make_version(other)
    mirror(timezone.now())
    call_command("import_mlflow", external.slug, other.slug)
    assert ImportedVersion.objects.count() == ModelVersion.objects.count() - 1 == 1


def test_a_recommender_that_recadmin_trains_takes_nothing(make_recommender, slug, mlflow):
    make_recommender(slug)
    with pytest.raises(CommandError, match="recadmin itself trains"):
        call_command("import_mlflow", slug, "ranker")


def test_an_unknown_model_and_an_unknown_recommender_are_said_to_be(external, mlflow):
    with pytest.raises(CommandError, match="not found"):
        call_command("import_mlflow", external.slug, "absent")
    with pytest.raises(CommandError, match="There is no recommender"):
        call_command("import_mlflow", "absent", "ranker")


def test_without_the_setting_nothing_can_be_imported(external, settings):
    settings.MLFLOW_TRACKING_URI = ""
    with pytest.raises(CommandError, match="MLFLOW_TRACKING_URI is not set"):
        call_command("import_mlflow", external.slug, "ranker")


def test_the_digest_of_a_folder_is_what_a_shell_makes_of_it(tmp_path):
    (tmp_path / "data").mkdir()
    for name in ("data/b", "data/a b", "A", "z"):
        (tmp_path / name).write_text(name)
    (tmp_path / "link").symlink_to(tmp_path / "A")
    shell = (
        "find . -type f | sed 's|^\\./||' | LC_ALL=C sort | xargs -d '\\n' sha256sum | sha256sum"
    )
    printed = subprocess.run(
        ["sh", "-c", shell], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert folder_sha256(tmp_path) == printed.stdout.split()[0]


def test_an_imported_version_is_shown_on_the_pages_and_by_the_api(
    external, model, register, take, mlflow, as_viewer
):
    register(metrics={"auc": 0.75})
    mlflow.set_registered_model_alias(model, "champion", "1")
    take("--alias", "champion")
    for page in ("", "versions/1/"):
        shown = as_viewer.get(f"/recommenders/{external.slug}/{page}")
        assert shown.status_code == 200
    assert f"models:/{model}/1" in shown.content.decode()
    version = as_viewer.get(f"/api/v1/recommenders/{external.slug}/versions/1").json()
    assert version["metrics"]["reported"] == {"auc": 0.75}
    told = as_viewer.get(f"/api/v1/recommenders/{external.slug}/freshness").json()
    assert told["watermark"] == "2026-01-01T00:15:00Z"
