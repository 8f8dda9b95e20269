"""A logger before a server that has each batch once, and may be away."""

import json

import httpx
import pytest

from recadmin_client import courier
from tests.client.scripted import Scripted

AWAY = httpx.ConnectError("away")


class Log:
    """What the server has: each batch once, whoever sends it, and as often as it is sent."""

    def __init__(self):
        self.batches = {}
        self.bad = ()

    def __call__(self, request):
        rows = [json.loads(line) for line in request.content.splitlines()]
        name = request.headers["Batch-Id"]
        rejected = [
            {"row": number, "field": "n", "error": "is bad"}
            for number, row in enumerate(rows)
            if row["n"] in self.bad
        ]
        duplicate = name in self.batches
        if duplicate:
            assert self.batches[name] == rows
        self.batches[name] = rows
        accepted = len(rows) - len(rejected)
        answer = {"accepted": accepted, "rejected": rejected, "duplicate": duplicate}
        return httpx.Response(202, json=answer)

    @property
    def numbers(self):
        return [row["n"] for rows in self.batches.values() for row in rows]


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def server(log):
    return Scripted(otherwise=log)


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def logger_of(scripted_client, spool, monkeypatch):
    """``logger_of(**options)``: of news, that comes again at once after a failure."""
    monkeypatch.setattr(courier, "PATIENCE", courier.Retries(attempts=1, first_seconds=0))
    made = []

    def make(slug="news", **options):
        made.append(scripted_client.logger(slug, spool, sender="test", **options))
        return made[-1]

    yield make
    for logger in made:
        logger.close(0)


@pytest.fixture
def away(server):
    """``away()``: the server answers no more; ``away(False)``: it does again."""
    log = server.otherwise

    def go(is_away=True):
        server.otherwise = AWAY if is_away else log

    return go


def files(spool):
    """What is on disk, locks left out."""
    return sorted(path.name for path in spool.rglob("*") if path.is_file() and path.name != "lock")
