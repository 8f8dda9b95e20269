"""The client before the real application, and before a server that does as a test says."""

import httpx
import pytest
from knox.models import AuthToken

from recadmin_client import Client, Retries
from recadmin_client import retries as retry
from tests.client.scripted import Scripted
from tests.updates.flows.conftest import *  # noqa: F403 - a recommender with a live version

URL = "http://testserver"
AT_ONCE = Retries(first_seconds=0)


@pytest.fixture
def client_of(transactional_db, valkey):
    """``client_of(person)``: a client that calls the application as it is served."""
    from recadmin.wsgi import application

    made = []

    def make(person):
        _, token = AuthToken.objects.create(user=person)
        transport = httpx.WSGITransport(app=application)
        made.append(Client(URL, token, transport=transport, retries=AT_ONCE))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(client_of, operator):
    """Of an operator."""
    return client_of(operator)


@pytest.fixture
def server():
    """A server that answers what the test says."""
    return Scripted()


@pytest.fixture
def scripted_client(server):
    """A client of ``server``."""
    with Client(URL, "secret", transport=httpx.MockTransport(server), retries=AT_ONCE) as client:
        yield client


@pytest.fixture
def waits(monkeypatch):
    """The waits between attempts, in seconds, none of which is waited."""
    waited = []
    monkeypatch.setattr(retry, "wait", waited.append)
    return waited
