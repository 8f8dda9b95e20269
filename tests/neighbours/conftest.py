"""A real MLflow server, and what it is told of."""

import os
import subprocess
import sys
import urllib.request
from itertools import count
from urllib.error import URLError

import pytest

from tests.conftest import wait_until
from tests.stack import free_port
from tests.updates.flows.conftest import append, update  # noqa: F401
from updates.models import ModelVersion


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory):
    """Its address. It begins empty and is shared: each test has recommenders of its own."""
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.sqlite3"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=os.environ | quiet, stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(address), 90, (folder / "log").read_text())
        yield address
    finally:
        server.terminate()
        server.wait(30)


def _answers(address):
    try:
        return urllib.request.urlopen(f"{address}/health").status == 200
    except (URLError, ConnectionError):
        return False


@pytest.fixture
def mlflow(mlflow_server, settings, monkeypatch):
    """A client of the server, which the settings name."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    from mlflow import MlflowClient

    settings.MLFLOW_TRACKING_URI = mlflow_server
    return MlflowClient(tracking_uri=mlflow_server)


@pytest.fixture
def slug():
    """Of a recommender that MLflow knows nothing of."""
    return f"news-{next(_numbers)}"


_numbers = count(1)


@pytest.fixture
def make_version(db):
    """``make_version(recommender, **fields)``: the next version, a candidate."""

    def make(recommender, **fields):
        default = {
            "learner": recommender.learner,
            "digest": "0" * 64,
            "artifact_bytes": 1,
            "learned_ranges": [],
            "next_offset": 1,
        }
        return ModelVersion.publish(recommender, **default | fields)

    return make
