"""/healthz: the process lives. /readyz: it can do its work, and if not, why."""

import pytest
from django.db import OperationalError


def test_a_process_that_answers_is_alive(client):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_with_database_and_valkey_it_is_ready(client, db, valkey):
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": "ok", "valkey": "ok"}


def test_without_valkey_it_is_alive_but_not_ready(client, db, settings):
    settings.REDIS_URL = "unix:///nowhere.sock"
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "database": "ok", "valkey": "unavailable"}
    assert client.get("/healthz").status_code == 200


def test_without_the_database_it_is_not_ready(client, db, valkey, monkeypatch):
    def fail():
        raise OperationalError("disk I/O error")

    with monkeypatch.context() as broken:
        broken.setattr("recadmin.health.connection.cursor", fail)
        response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["database"] == "unavailable"
    assert "disk" not in response.content.decode()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_nothing_is_changed_by_asking(path, client):
    assert client.post(path).status_code == 405
