"""Callers and a recommender's samples, as tests of the API have them; the examples, installed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.updates.api.conftest import *  # noqa: F403 - callers, and what flows are tested with
from updates.learners import registry

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def installed_folder(tmp_path_factory):
    """Where pip has installed the package ``two_tower``."""
    source, target = (tmp_path_factory.mktemp(name) for name in ("source", "installed"))
    shutil.copytree(EXAMPLES / "two_tower", source, dirs_exist_ok=True)
    offline = ["--no-deps", "--no-index", "--no-build-isolation", "--quiet"]
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    subprocess.run([*pip, *offline, "--target", target, source], check=True)
    return target


@pytest.fixture
def two_tower(installed_folder, monkeypatch):
    """The learner's name, while its package is on the path as an installed one is."""
    monkeypatch.syspath_prepend(str(installed_folder))
    registry._entries.cache_clear()
    yield "two_tower"
    registry._entries.cache_clear()
